{{/* Names, labels and images. Workloads are told apart by app.kubernetes.io/component: a worker's name, gateway,
console or ledger. */}}

{{- define "hushwire.name" -}}
{{- $base := .Values.nameOverride | default .Release.Name -}}
{{- $base | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The labels that select a workload's pods; they never change. */}}
{{- define "hushwire.selector" -}}
app.kubernetes.io/name: hushwire
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .workload }}
{{- end -}}

{{- define "hushwire.labels" -}}
{{ include "hushwire.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: hushwire
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* An image: by digest where one is named, else by tag, else by the chart's version of the program. A digest is
of one image: where a workload names a tag or repository of its own, that of all others doesn't hold. */}}
{{- define "hushwire.image" -}}
{{- $own := .own | default dict -}}
{{- $image := mergeOverwrite (deepCopy .root.Values.image) $own -}}
{{- $digest := ternary $own.digest $image.digest (not (empty (or $own.repository $own.tag))) -}}
{{- if $digest -}}
{{ printf "%s@%s" $image.repository $digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository ($image.tag | default .root.Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{/* The workers that run a stage: JSON of name to values. */}}
{{- define "hushwire.workers" -}}
{{- $run := dict -}}
{{- range $name, $worker := .Values.workers -}}
{{- if $worker.stages -}}{{- $_ := set $run $name $worker -}}{{- end -}}
{{- end -}}
{{- $run | toJson -}}
{{- end -}}

{{/* How many pods a worker may become at most. */}}
{{- define "hushwire.most" -}}
{{- if eq .root.Values.scaling.by "none" -}}{{ .worker.replicas | int }}{{- else -}}{{ .worker.maxReplicas | int }}{{- end -}}
{{- end -}}
