{{/* A rule's ports: (list numbers protocols...). */}}
{{- define "parlance.ports" -}}
{{- $protocols := rest . -}}
{{- range $port := first . }}
{{- range $protocols }}
- {port: {{ $port }}, protocol: {{ . }}}
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
