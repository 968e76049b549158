{{/* A service's environment (services/NAME/src/config.ts), of .root, .component and .values. */}}
{{- define "pemmican.environment" -}}
{{- $root := .root }}
{{- $component := .component }}
{{- $values := .values }}
{{- $artifacts := $root.Values.artifacts }}
- { name: PEMMICAN_LISTEN, value: {{ printf "%s:%v" $root.Values.listenHost $component.port | quote }} }
- { name: PEMMICAN_HEALTH_LISTEN, value: {{ printf "%s:50060" $root.Values.listenHost | quote }} }
- { name: PEMMICAN_LOG_LEVEL, value: {{ $values.logLevel }} }
- { name: PEMMICAN_STATE_DIRECTORY, value: /var/lib/pemmican/state }
- { name: PEMMICAN_CACHE_DIR, value: /var/cache/pemmican }
{{- $roots := list }}
{{- if or $artifacts.volume.enabled (eq $component.name "trainer") }}{{ $roots = append $roots "/data" }}{{ end }}
{{- if $artifacts.s3.enabled }}{{ $roots = concat $roots $artifacts.s3.prefixes }}{{ end }}
- { name: PEMMICAN_ARTIFACT_ROOTS, value: {{ join ":" $roots | quote }} }
- { name: PEMMICAN_MAX_OPEN_CALLS_PER_CALLER, value: {{ $root.Values.auth.maxOpenCallsPerCaller | int64 | quote }} }
{{- if eq $component.name "trainer" }}
- { name: PEMMICAN_TENSORFLOW, value: {{ $values.tensorflow }} }
- { name: PEMMICAN_MAX_CONCURRENT_RUNS, value: {{ $values.maxConcurrentRuns | int64 | quote }} }
- { name: PEMMICAN_MAX_QUEUED_RUNS, value: {{ $values.maxQueuedRuns | int64 | quote }} }
- { name: PEMMICAN_MAX_RESTARTS, value: {{ $values.maxRestarts | int64 | quote }} }
{{- else }}
- { name: PEMMICAN_MAX_CONCURRENT_JOBS, value: {{ $values.maxConcurrentJobs | int64 | quote }} }
- { name: PEMMICAN_MAX_QUEUED_JOBS, value: {{ $values.maxQueuedJobs | int64 | quote }} }
{{- end }}
{{- if eq $component.name "vocabulary-analysis" }}
- { name: PEMMICAN_COUNTING_THREADS, value: {{ $values.countingThreads | int64 | quote }} }
- { name: PEMMICAN_COUNTING_MEMO_BYTES, value: {{ $values.countingMemoBytes | int64 | quote }} }
- { name: PEMMICAN_MAX_UPLOAD_BYTES, value: {{ $values.maxUploadBytes | int64 | quote }} }
{{- end }}
{{- if $root.Values.retentionDays }}
- { name: PEMMICAN_RETENTION_DAYS, value: {{ $root.Values.retentionDays | quote }} }
{{- end }}
{{- if $root.Values.backups.enabled }}
- name: POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- { name: PEMMICAN_BACKUP_DIRECTORY, value: /var/backups/pemmican/$(POD_NAME) }
- { name: PEMMICAN_BACKUP_INTERVAL_HOURS, value: {{ $root.Values.backups.intervalHours | quote }} }
- { name: PEMMICAN_BACKUP_COUNT, value: {{ $root.Values.backups.count | int64 | quote }} }
{{- end }}
{{- include "pemmican.securityEnvironment" $root }}
{{- include "pemmican.storageEnvironment" $root }}
{{- include "pemmican.telemetryEnvironment" $root }}
{{- range $name, $value := $values.extraEnv }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}

{{- define "pemmican.securityEnvironment" -}}
{{- if .Values.tls.secretName }}
- { name: PEMMICAN_TLS_CERTIFICATE_FILE, value: /etc/pemmican/tls/tls.crt }
- { name: PEMMICAN_TLS_KEY_FILE, value: /etc/pemmican/tls/tls.key }
{{- end }}
{{- if .Values.tls.clientCa.secretName }}
- { name: PEMMICAN_TLS_CLIENT_CA_FILE, value: {{ printf "/etc/pemmican/client-ca/%s" .Values.tls.clientCa.key | quote }} }
{{- end }}
{{- if .Values.auth.tokensSecret.name }}
- { name: PEMMICAN_TOKENS_FILE, value: {{ printf "/etc/pemmican/tokens/%s" .Values.auth.tokensSecret.key | quote }} }
{{- end }}
{{- with .Values.auth.jwt }}
{{- if .issuer }}
- name: PEMMICAN_JWT_KEYS
  value: {{ default (printf "/etc/pemmican/jwt/%s" .keysSecret.key) .keysUrl | quote }}
- { name: PEMMICAN_JWT_ISSUER, value: {{ .issuer | quote }} }
- { name: PEMMICAN_JWT_AUDIENCE, value: {{ .audience | quote }} }
{{- end }}
{{- end }}
{{- end }}

{{- define "pemmican.storageEnvironment" -}}
{{- with .Values.artifacts.s3 }}
{{- if .enabled }}
- { name: PEMMICAN_S3_PATH_STYLE, value: {{ .pathStyle | quote }} }
{{- with .endpoint }}
- { name: AWS_ENDPOINT_URL_S3, value: {{ . | quote }} }
{{- end }}
{{- with .region }}
- { name: AWS_REGION, value: {{ . | quote }} }
{{- end }}
{{- with .credentialsSecret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: { secretKeyRef: { name: {{ . }}, key: AWS_ACCESS_KEY_ID } }
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: { secretKeyRef: { name: {{ . }}, key: AWS_SECRET_ACCESS_KEY } }
- name: AWS_SESSION_TOKEN
  valueFrom: { secretKeyRef: { name: {{ . }}, key: AWS_SESSION_TOKEN, optional: true } }
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.hub }}
{{- if not .enabled }}
- { name: HF_HUB_OFFLINE, value: '1' }
{{- end }}
{{- with .endpoint }}
- { name: HF_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- with .tokenSecret }}
{{- if .name }}
- name: HF_TOKEN
  valueFrom: { secretKeyRef: { name: {{ .name }}, key: {{ .key }} } }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pemmican.telemetryEnvironment" -}}
{{- if .Values.metrics.enabled }}
- { name: OTEL_METRICS_EXPORTER, value: prometheus }
- { name: OTEL_EXPORTER_PROMETHEUS_HOST, value: {{ .Values.listenHost | trimPrefix "[" | trimSuffix "]" | quote }} }
- { name: OTEL_EXPORTER_PROMETHEUS_PORT, value: '9464' }
{{- end }}
{{- with include "pemmican.otlpEndpoint" . }}
- { name: OTEL_TRACES_EXPORTER, value: otlp }
- { name: OTEL_LOGS_EXPORTER, value: otlp }
- { name: OTEL_EXPORTER_OTLP_PROTOCOL, value: grpc }
- { name: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, value: {{ . | quote }} }
- { name: OTEL_EXPORTER_OTLP_LOGS_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- end }}
