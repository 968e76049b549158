{{/* The services: name in resources, key of its values, port of its calls. */}}
{{- define "pemmican.components" -}}
- { name: vocabulary-analysis, key: vocabularyAnalysis, port: 50051 }
- { name: embedding-surgery, key: embeddingSurgery, port: 50052 }
- { name: trainer, key: trainer, port: 50053 }
{{- end }}

{{- define "pemmican.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 32 | trimSuffix "-" }}
{{- end }}

{{/*
32 characters: a StatefulSet's name, "-vocabulary-analysis" behind it, may have 52, as its pods carry it in a label of 63 with a hash of ten
digits behind that; and so a Service's name, "-pods" behind it, has less than 63.
*/}}
{{- define "pemmican.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 32 | trimSuffix "-" }}
{{- else if contains (include "pemmican.name" .) .Release.Name }}
{{- .Release.Name | trunc 32 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "pemmican.name" .) | trunc 32 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Of .root and .component (a name). */}}
{{- define "pemmican.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pemmican.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "pemmican.labels" -}}
{{ include "pemmican.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: pemmican
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "pemmican.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "pemmican.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Of .root and .image: repository and tag, or digest. */}}
{{- define "pemmican.image" -}}
{{- with .root.Values.image.registry }}{{ . }}/{{ end -}}
{{- .image.repository -}}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ default .root.Chart.AppVersion .root.Values.image.tag }}{{ end -}}
{{- end }}

{{/* What the Pod Security Standard "restricted" asks for, of a pod. */}}
{{- define "pemmican.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .Values.podSecurity.runAsUser | int64 }}
runAsGroup: {{ .Values.podSecurity.runAsGroup | int64 }}
fsGroup: {{ .Values.podSecurity.fsGroup | int64 }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* And of a container. */}}
{{- define "pemmican.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* Where traces go. */}}
{{- define "pemmican.otlpEndpoint" -}}
{{- if .Values.tracing.collector.enabled -}}
http://{{ include "pemmican.fullname" . }}-collector:4317
{{- else -}}
{{ .Values.tracing.otlpEndpoint }}
{{- end -}}
{{- end }}

{{/* The port of a URL. */}}
{{- define "pemmican.portOf" -}}
{{- $port := regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" }}
{{- default (ternary 443 80 (hasPrefix "https:" .)) $port }}
{{- end }}

{{/* Ports that the services call outside of the release, as a list. */}}
{{- define "pemmican.outsidePorts" -}}
{{- if .Values.artifacts.s3.enabled }}
- {{ include "pemmican.portOf" (default "https://" .Values.artifacts.s3.endpoint) }}
{{- end }}
{{- if .Values.hub.enabled }}
- {{ include "pemmican.portOf" (default "https://" .Values.hub.endpoint) }}
{{- end }}
{{- with .Values.auth.jwt.keysUrl }}
- {{ include "pemmican.portOf" . }}
{{- end }}
{{- with .Values.tracing.otlpEndpoint }}
- {{ include "pemmican.portOf" . }}
{{- end }}
{{- end }}

{{/* What a schema cannot say. */}}
{{- define "pemmican.check" -}}
{{- if not (or .Values.artifacts.volume.enabled .Values.artifacts.s3.enabled) }}
{{- fail "artifacts: services need a place for models and outputs: enable artifacts.volume, artifacts.s3 or both" }}
{{- end }}
{{- if and .Values.tls.clientCa.secretName (not .Values.tls.secretName) }}
{{- fail "tls.clientCa: certificates of callers are asked for over TLS only; set tls.secretName" }}
{{- end }}
{{- $jwt := .Values.auth.jwt }}
{{- if and $jwt.keysUrl $jwt.keysSecret.name }}
{{- fail "auth.jwt: keysUrl and keysSecret exclude each other" }}
{{- end }}
{{- if or $jwt.keysUrl $jwt.keysSecret.name $jwt.issuer $jwt.audience }}
{{- if not (and (or $jwt.keysUrl $jwt.keysSecret.name) $jwt.issuer $jwt.audience) }}
{{- fail "auth.jwt: keys, issuer and audience belong together" }}
{{- end }}
{{- end }}
{{- if and .Values.tracing.collector.enabled .Values.tracing.otlpEndpoint }}
{{- fail "tracing: otlpEndpoint has to be empty where collector.enabled is true" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.enabled) }}
{{- fail "metrics.serviceMonitor: there is nothing to scrape; set metrics.enabled" }}
{{- end }}
{{- range $component := include "pemmican.components" . | fromYamlArray }}
{{- $values := index $.Values $component.key }}
{{- if and $values.autoscaling.enabled (not $.Values.metrics.enabled) }}
{{- fail (printf "%s.autoscaling: it goes by the number of queued jobs; set metrics.enabled" $component.key) }}
{{- end }}
{{- if and $values.autoscaling.enabled (gt (int $values.autoscaling.minReplicas) (int $values.autoscaling.maxReplicas)) }}
{{- fail (printf "%s.autoscaling: minReplicas is more than maxReplicas" $component.key) }}
{{- end }}
{{- end }}
{{- end }}
