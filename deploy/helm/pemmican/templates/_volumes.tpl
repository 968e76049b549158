{{/* Volumes of a service's pod beside its store, of .root and .values. Secrets are mounted whole: a rotated one arrives. */}}
{{- define "pemmican.volumes" -}}
{{- $values := .values }}
- name: cache
  emptyDir: { sizeLimit: {{ $values.cacheSize }} }
- name: temporary
  emptyDir: { sizeLimit: {{ $values.temporarySize }} }
{{- with .root.Values.artifacts.volume }}
{{- if .enabled }}
- name: artifacts
  persistentVolumeClaim: { claimName: {{ default (printf "%s-artifacts" (include "pemmican.fullname" $.root)) .existingClaim }} }
{{- end }}
{{- end }}
{{- with .root.Values.backups }}
{{- if .enabled }}
- name: backups
  persistentVolumeClaim: { claimName: {{ default (printf "%s-backups" (include "pemmican.fullname" $.root)) .existingClaim }} }
{{- end }}
{{- end }}
{{- range $name, $secret := include "pemmican.secretVolumes" .root | fromYaml }}
- name: {{ $name }}
  secret: { secretName: {{ $secret }}, defaultMode: 0440 }
{{- end }}
{{- end }}

{{/* Of .root and .component (a name). */}}
{{- define "pemmican.volumeMounts" -}}
- { name: store, mountPath: /var/lib/pemmican }
- { name: cache, mountPath: /var/cache/pemmican }
- { name: temporary, mountPath: /tmp }
{{- if or .root.Values.artifacts.volume.enabled (eq .component "trainer") }}
- { name: artifacts, mountPath: /data }
{{- end }}
{{- if .root.Values.backups.enabled }}
- { name: backups, mountPath: /var/backups/pemmican }
{{- end }}
{{- range $name, $secret := include "pemmican.secretVolumes" .root | fromYaml }}
- { name: {{ $name }}, mountPath: /etc/pemmican/{{ $name }}, readOnly: true }
{{- end }}
{{- end }}

{{/* Name of a volume, and of its secret. */}}
{{- define "pemmican.secretVolumes" -}}
{{- with .Values.tls.secretName }}
tls: {{ . }}
{{- end }}
{{- with .Values.tls.clientCa.secretName }}
client-ca: {{ . }}
{{- end }}
{{- with .Values.auth.tokensSecret.name }}
tokens: {{ . }}
{{- end }}
{{- with .Values.auth.jwt.keysSecret.name }}
jwt: {{ . }}
{{- end }}
{{- end }}
