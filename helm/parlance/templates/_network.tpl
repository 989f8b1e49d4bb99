{{/* A rule's ports: (list numbers protocols...). A text is a range: "1024-65535". */}}
{{- define "parlance.ports" -}}
{{- $protocols := rest . -}}
{{- range $port := first . }}
{{- $range := splitList "-" (toString $port) }}
{{- if or (gt (int (first $range)) (int (last $range))) (gt (int (last $range)) 65535) }}
{{- fail (printf "%v is no range of ports" $port) }}
{{- end }}
{{- range $protocols }}
- {port: {{ first $range }}{{ if gt (len $range) 1 }}, endPort: {{ last $range }}{{ end }}, protocol: {{ . }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* Egress to {to, ports}; an empty `to` = anywhere: (list rule protocols...). */}}
{{- define "parlance.egress" -}}
{{- $rule := first . -}}
- ports:
    {{- include "parlance.ports" (prepend (rest .) $rule.ports) | trim | nindent 4 }}
  {{- with $rule.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Egress to the internet: (list $ ports). What is left out besides joins the blocks of its family. */}}
{{- define "parlance.internetEgress" -}}
{{- $internet := (first .).Values.networkPolicy.internet -}}
{{- $peers := list -}}
{{- range $peer := $internet.to -}}
{{- $peer = deepCopy $peer -}}
{{- with $peer.ipBlock -}}
{{- $except := default list .except -}}
{{- $v6 := contains ":" .cidr -}}
{{- range $internet.except -}}
{{- if eq (contains ":" .) $v6 -}}{{- $except = append $except . -}}{{- end -}}
{{- end -}}
{{- $_ := set . "except" $except -}}
{{- end -}}
{{- $peers = append $peers $peer -}}
{{- end -}}
{{- include "parlance.egress" (list (dict "to" $peers "ports" (last .)) "TCP") -}}
{{- end -}}

{{/* Egress to the database or to Redis: (list $ "database"|"redis"). In a trial, to the trial's own pod. */}}
{{- define "parlance.storeEgress" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.trial.enabled -}}
{{- $component := ternary "trial-postgres" "trial-redis" (eq (index . 1) "database") -}}
{{- $port := ternary 5432 6379 (eq (index . 1) "database") -}}
- ports:
    - {port: {{ $port }}, protocol: TCP}
  to:
    - podSelector:
        matchLabels:
          {{- include "parlance.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $component }}
{{- else -}}
{{ include "parlance.egress" (list (index $root.Values.networkPolicy (index . 1)) "TCP") }}
{{- end -}}
{{- end -}}
