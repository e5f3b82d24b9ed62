{{/* hushwire.deployment: a workload's account, disruption budget (one at a time) and Deployment. What
hushwire.pod takes (_pod.tpl), and strategy, reads (whose change rolls the pods), replicas where nobody else
decides. Of Secrets the chart knows what external-secrets is told alone: a new version there rolls them, too. */}}
{{- define "hushwire.deployment" -}}
{{- $entries := dict -}}
{{- range $file := .files -}}
{{- with get $.root.Values.externalSecrets.secrets $file.secret -}}{{- $_ := set $entries $file.secret . -}}{{- end -}}
{{- end -}}
{{ include "hushwire.account" . }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "hushwire.name" .root }}-{{ .workload }}
  labels:
    {{- include "hushwire.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  # One that isn't ready keeps no node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "hushwire.selector" . | nindent 6 }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "hushwire.name" .root }}-{{ .workload }}
  labels:
    {{- include "hushwire.labels" . | nindent 4 }}
  {{- with .root.Values.deploymentAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .replicas }}
  replicas: {{ . | int }}
  {{- end }}
  revisionHistoryLimit: 3
  progressDeadlineSeconds: 900
  strategy:
    {{- toYaml .strategy | nindent 4 }}
  selector:
    matchLabels:
      {{- include "hushwire.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "hushwire.selector" . | nindent 8 }}
      annotations:
        checksum/config: {{ toJson .reads | sha256sum }}
        checksum/secrets: {{ toJson $entries | sha256sum }}
        {{- with .own.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "hushwire.pod" . | nindent 6 }}
{{- end -}}

{{/* hushwire.job: a Job before an install or upgrade, with all that it needs: nothing else is there yet. What
hushwire.pod takes, and name, weight, deadline, and the places that it reaches. */}}
{{- define "hushwire.job" -}}
{{- $hook := include "hushwire.hook" -10 -}}
{{- $around := mergeOverwrite (dict "hook" $hook) . -}}
{{ include "hushwire.account" $around }}
{{- if .root.Values.networkPolicy.enabled }}
---
{{ include "hushwire.policy" $around }}
{{- end }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "hushwire.name" .root }}-{{ .name }}
  labels:
    {{- include "hushwire.labels" . | nindent 4 }}
  annotations:
    {{- include "hushwire.hook" .weight | nindent 4 }}
spec:
  backoffLimit: 2
  activeDeadlineSeconds: {{ .deadline | int }}
  template:
    metadata:
      labels:
        {{- include "hushwire.selector" . | nindent 8 }}
    spec:
      {{- include "hushwire.pod" (merge (dict "job" true) .) | nindent 6 }}
{{- end -}}

{{/* A failed Job stays, so that its log says why. */}}
{{- define "hushwire.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ . | int | toString | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{- define "hushwire.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "hushwire.name" .root }}-{{ .workload }}
  labels:
    {{- include "hushwire.labels" . | nindent 4 }}
  {{- if or .hook .own.serviceAccountAnnotations }}
  annotations:
    {{- with .hook }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .own.serviceAccountAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}

{{/* hushwire.policy: whom a workload's pods speak to. root, workload, own, to (names of places in
networkPolicy), ingress (rules, where there are any), hook. */}}
{{- define "hushwire.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "hushwire.name" .root }}-{{ .workload }}
  labels:
    {{- include "hushwire.labels" . | nindent 4 }}
  {{- with .hook }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels:
      {{- include "hushwire.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- with .ingress }}
  ingress:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  egress:
  {{- range $name := .to }}
  {{- $place := get $.root.Values.networkPolicy $name }}
  {{- if eq $name "dns" }}{{ $place = dict "to" $place "ports" (list 53) }}{{ end }}
    - to:
        {{- toYaml $place.to | nindent 8 }}
      ports:
      {{- range $place.ports }}
        - {port: {{ . | int }}, protocol: TCP}
      {{- end }}
      {{- if eq $name "dns" }}
        - {port: 53, protocol: UDP}
      {{- end }}
  {{- end }}
  {{- with .own.extraEgress }}
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
