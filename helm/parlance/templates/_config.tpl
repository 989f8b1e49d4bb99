{{/*
The configuration file. What the chart itself decides is laid over `config`; the schema keeps those keys and
all secrets out of `config`.
*/}}
{{- define "parlance.toml" -}}
{{- $roles := include "parlance.roles" . | fromYaml -}}
{{- $settings := deepCopy .Values.config -}}
{{- $gateway := dict "listen" "0.0.0.0:5501" "realtime_listen" "0.0.0.0:8001" "drain_s" .Values.drainSeconds -}}
{{- with .Values.ingress -}}
{{- if and .enabled .hosts -}}
{{- $host := (first .hosts).host -}}
{{- $scheme := ternary "https" "http" (not (empty .tls)) -}}
{{- $_ := set $gateway "public_url" (dig "gateway" "public_url" (printf "%s://%s" $scheme $host) $settings) -}}
{{- end -}}
{{- end -}}
{{- $services := dict -}}
{{- range $name, $role := $roles -}}
{{- if $role.grpc -}}
{{- $address := printf "dns:%s-%s:50051" (include "parlance.fullname" $) $name -}}
{{- $_ := set $services ($name | replace "-" "_") (dict "addresses" (list $address)) -}}
{{- end -}}
{{- end -}}
{{- $own := dict "production" .Values.production "gateway" $gateway "services" $services
    "grpc" (dict "listen" "0.0.0.0:50051") "ops" (dict "listen" "0.0.0.0:9090") -}}
{{- include "parlance.tomlTable" (dict "path" "" "table" (mergeOverwrite $settings $own)) | trim -}}
{{- end -}}

{{/* One TOML table and the tables in it: (dict "path" path "table" table). Values before tables. */}}
{{- define "parlance.tomlTable" -}}
{{- $path := .path -}}
{{- $values := list -}}
{{- $tables := list -}}
{{- range $key, $value := .table -}}
{{- if kindIs "map" $value -}}
{{- $tables = append $tables $key -}}
{{- else -}}
{{- $values = append $values (printf "%s = %s" $key (include "parlance.tomlValue" $value)) -}}
{{- end -}}
{{- end -}}
{{- if $values }}
{{ if $path }}
[{{ $path }}]
{{ end }}{{ join "\n" $values }}
{{- end -}}
{{- range $key := $tables -}}
{{- $inner := ternary $key (printf "%s.%s" $path $key) (empty $path) -}}
{{ include "parlance.tomlTable" (dict "path" $inner "table" (index $.table $key)) }}
{{- end -}}
{{- end -}}

{{/* A TOML value. Whole numbers reach templates as floats, which toToml would write as such. */}}
{{- define "parlance.tomlValue" -}}
{{- if kindIs "float64" . -}}
{{- if eq . (floor .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- else if kindIs "slice" . -}}
{{- $items := list -}}
{{- range . }}{{ $items = append $items (include "parlance.tomlValue" .) }}{{ end -}}
[{{ join ", " $items }}]
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end -}}
