{{/* A container's resources, of .component and .values: the trainer's with its GPUs. */}}
{{- define "pemmican.resources" -}}
{{- $resources := deepCopy .values.resources }}
{{- if and (eq .component "trainer") .values.gpus }}
{{- $gpus := dict "nvidia.com/gpu" (.values.gpus | int64) }}
{{- $resources = dict "requests" (merge $gpus $resources.requests) "limits" (merge $gpus $resources.limits) }}
{{- end }}
{{- toYaml $resources }}
{{- end }}
