{{- define "stagegate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "stagegate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "stagegate.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "stagegate.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "stagegate.selector" -}}
app.kubernetes.io/name: {{ include "stagegate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "stagegate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{ include "stagegate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "stagegate.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "stagegate.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "stagegate.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The configuration with what the chart decides. Without tokens the admin API stays on loopback. */}}
{{- define "stagegate.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "data_dir" "/var/lib/stagegate" -}}
{{- if not (hasKey $config "listeners") -}}
{{- $_ := set $config "listeners" (list (dict "address" (printf "0.0.0.0:%d" (int .Values.service.port)))) -}}
{{- end -}}
{{- $admin := default dict $config.admin -}}
{{- if and $admin.tokens (not $admin.address) -}}
{{- $_ := set $config "admin" (merge (dict "address" (printf "0.0.0.0:%d" (int .Values.admin.port))) $admin) -}}
{{- else if not $admin.address -}}
{{- $_ := set $config "admin" (merge (dict "address" (printf "127.0.0.1:%d" (int .Values.admin.port))) $admin) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "stagegate.check" -}}
{{- $given := 0 -}}
{{- if .Values.config -}}{{- $given = add $given 1 -}}{{- end -}}
{{- if .Values.existingConfigMap -}}{{- $given = add $given 1 -}}{{- end -}}
{{- if .Values.existingSecret -}}{{- $given = add $given 1 -}}{{- end -}}
{{- if ne (int $given) 1 -}}
{{- fail "give exactly one of config, existingConfigMap and existingSecret" -}}
{{- end -}}
{{- if and .Values.config (not (dig "admin" "tokens" list .Values.config)) -}}
{{- fail "config.admin.tokens is missing: `stagegate token new --name deployer --role operator` makes one. Without tokens the admin API is open to this pod only, and neither probes nor Prometheus reach it" -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) .Values.config (not (dig "fleet" "servers" list .Values.config)) -}}
{{- fail "replicas is more than 1, and config.fleet.servers is missing: replicas without a fleet would each have a state of their own" -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (dig "fleet" "replica" "" .Values.config) -}}
{{- fail "config.fleet.replica would give all replicas one name: leave it out, the pods have names" -}}
{{- end -}}
{{- if le (int .Values.terminationGracePeriodSeconds) (int .Values.preStopSeconds) -}}
{{- fail "terminationGracePeriodSeconds must be longer than preStopSeconds plus the drain_timeout of the configuration" -}}
{{- end -}}
{{- end -}}
