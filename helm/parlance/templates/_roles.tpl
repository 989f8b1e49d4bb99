{{/*
The enabled roles as YAML: name -> entry over the defaults. Read with `fromYaml`. Fails if a role calls one
that is not there, or if its grace is shorter than what stopping takes.
*/}}
{{- define "parlance.roles" -}}
{{- $roles := dict -}}
{{- range $name, $entry := .Values.roles -}}
{{- $role := mergeOverwrite (deepCopy $.Values.roleDefaults) (deepCopy (default dict $entry)) -}}
{{- if $role.enabled -}}
{{- $_ := set $role "command" (default $name $role.command) -}}
{{- $_ := set $roles $name $role -}}
{{- end -}}
{{- end -}}
{{- range $name, $role := $roles -}}
{{- range $called := $role.calls -}}
{{- if not (hasKey $roles $called) -}}
{{- fail (printf "roles.%s.calls names %q, which is no enabled role" $name $called) -}}
{{- end -}}
{{- if not (index $roles $called).grpc -}}
{{- fail (printf "roles.%s.calls names %q, which does not answer over gRPC" $name $called) -}}
{{- end -}}
{{- end -}}
{{- $stop := add $role.preStopSeconds 15 -}}
{{- if $role.edge -}}{{- $stop = add $stop $.Values.drainSeconds -}}{{- end -}}
{{- if lt (int $role.terminationGracePeriodSeconds) (int $stop) -}}
{{- fail (printf "roles.%s.terminationGracePeriodSeconds must be %d or more: preStop, drain and 15 s for work in flight" $name (int $stop)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $roles -}}
{{- end -}}

{{/* Environment by which a role learns its secrets: (dict "root" $ "role" role "name" name). */}}
{{- define "parlance.secretEnv" -}}
{{- $own := .role.databaseUrl.existingSecret -}}
{{- if and .role.database $own }}
- name: PARLANCE__SERVICES__{{ .name | upper | replace "-" "_" }}__DATABASE__URL
  valueFrom: {secretKeyRef: {name: {{ $own }}, key: {{ .role.databaseUrl.key }}}}
{{- else if .role.database }}
{{ include "parlance.fromSecret" (list .root "PARLANCE__DATABASE__URL" .root.Values.secrets.databaseUrl) }}
{{- end }}
{{- if .role.redis }}
{{ include "parlance.fromSecret" (list .root "PARLANCE__REDIS__URL" .root.Values.secrets.redisUrl) }}
{{- end }}
{{ include "parlance.fromSecret" (list .root "PARLANCE__GRPC__SECRET" .root.Values.secrets.grpcSecret) }}
{{- if .role.masterKey }}
{{ include "parlance.fromSecret" (list .root "PARLANCE__AUTH__MASTER_KEY" .root.Values.secrets.masterKey) }}
{{- end }}
{{- end -}}

{{- define "parlance.fromSecret" -}}
- name: {{ index . 1 }}
  valueFrom: {secretKeyRef: {name: {{ include "parlance.secretName" (list (index . 0) (index . 2)) }}, key: {{ (index . 2).key }}}}
{{- end -}}

{{- define "parlance.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}
