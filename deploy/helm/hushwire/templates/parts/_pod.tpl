{{/* Parts of every pod. None has a token of the API server, writes to its image, or runs as root. Service
links are off: they would put HUSHWIRE_… variables of Services into pods, which are no settings. */}}
{{- define "hushwire.podHead" -}}
serviceAccountName: {{ include "hushwire.name" .root }}-{{ .workload }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "hushwire.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Secrets are mounted for group 10001 (0440), and keys have to be their owner's alone (0600): a first
container copies them into memory, and ends. */}}
{{- define "hushwire.keysContainer" -}}
- name: keys
  image: {{ include "hushwire.image" (dict "root" .root "own" .image) }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: [/bin/sh, -euc, "umask 077; mkdir -p /state/keys; for file in /secrets/*; do [ ! -e \"$file\" ] || install -m 0600 \"$file\" /state/keys/; done"]
  {{- include "hushwire.containerSecurity" .root | nindent 2 }}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {cpu: 100m, memory: 64Mi}
  volumeMounts:
    - name: secrets
      mountPath: /secrets
      readOnly: true
    - name: state
      mountPath: /state
{{- end -}}

{{- define "hushwire.volumes" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources: {{- if not .files }} []{{ end }}
    {{- range .files }}
      - secret:
          name: {{ .secret }}
          items:
            - key: {{ .key }}
              path: {{ .file }}
    {{- end }}
- name: state
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
- name: tmp
  emptyDir:
    sizeLimit: {{ .tmp | default "256Mi" }}
{{- if .root.Values.trust.configMap }}
- name: trust
  configMap:
    name: {{ .root.Values.trust.configMap }}
{{- end }}
{{- end -}}

{{/* The image's own home is read-only here. */}}
{{- define "hushwire.home" -}}
- name: HOME
  value: /tmp
{{- end -}}

{{- define "hushwire.mounts" -}}
- name: state
  mountPath: /state
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- if .Values.trust.configMap }}
- name: trust
  mountPath: /trust
  readOnly: true
{{- end }}
{{- end -}}

{{/* Where pods may run: spread over zones and nodes, unless the workload says otherwise. */}}
{{- define "hushwire.placement" -}}
{{- $own := .own -}}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $own.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $.root.Values.spread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "hushwire.selector" $ | nindent 8 }}
{{- end }}
{{- end -}}

{{/* Rolls pods when a file that they read at their start changes; Secrets are not seen, see the docs. */}}
{{- define "hushwire.checksum" -}}
checksum/config: {{ toJson . | sha256sum }}
{{- end -}}

{{/* One disruption at a time, for a workload's pods. */}}
{{- define "hushwire.around" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "hushwire.name" .root }}-{{ .workload }}
  labels:
    {{- include "hushwire.labels" . | nindent 4 }}
  {{- with .own.serviceAccountAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "hushwire.name" .root }}-{{ .workload }}
  labels:
    {{- include "hushwire.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "hushwire.selector" . | nindent 6 }}
{{- end -}}
