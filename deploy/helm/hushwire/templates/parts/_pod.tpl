{{/* Pods and their one container. None has a token of the API server, writes to its image, or runs as root.
Service links are off: they would put HUSHWIRE_… variables of Services into pods, which are no settings.

hushwire.pod: root, workload, own (its values), files (secret files, see _secrets.tpl), container (below),
and where there are any grace, tmp, volumes; job: true for one that ends. */}}
{{- define "hushwire.pod" -}}
{{- $root := .root -}}
{{- $trust := $root.Values.trust.configMap -}}
serviceAccountName: {{ include "hushwire.name" $root }}-{{ .workload }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.image.pullSecrets }}
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
terminationGracePeriodSeconds: {{ .grace | default 30 | int }}
{{- if .job }}
restartPolicy: Never
{{- else }}
{{- include "hushwire.placement" . }}
{{- end }}
{{- if not .bare }}
initContainers:
  {{- include "hushwire.keysContainer" (dict "root" $root "image" .own.image) | nindent 2 }}
{{- end }}
containers:
  - name: {{ .container.name }}
    image: {{ include "hushwire.image" (dict "root" $root "own" .own.image) }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    args: {{ .container.args | toJson }}
    {{- include "hushwire.containerSecurity" $root | nindent 4 }}
    workingDir: /tmp
    env:
      # The image's own home is read-only here.
      - name: HOME
        value: /tmp
    {{- range $name, $value := mergeOverwrite .container.env (include "hushwire.extraEnv" . | fromJson) }}
      - name: {{ $name }}
        value: {{ if kindIs "string" $value }}{{ $value | quote }}{{ else }}{{ $value | toJson | quote }}{{ end }}
    {{- end }}
    {{- range $key, $value := omit .container "name" "args" "env" "mounts" }}
    {{ $key }}:
      {{- toYaml $value | nindent 6 }}
    {{- end }}
    volumeMounts:
      {{- if not .bare }}
      - {name: state, mountPath: /state, readOnly: true}
      {{- end }}
      - {name: tmp, mountPath: /tmp}
      {{- if has "vault-token" (include "hushwire.fileNames" .files | fromJsonArray) }}
      - {name: state, mountPath: /tmp/.vault-token, subPath: keys/vault-token, readOnly: true}
      {{- end }}
      {{- if $trust }}
      - {name: trust, mountPath: /trust, readOnly: true}
      {{- end }}
      {{- range concat (.container.mounts | default list) (.own.extraVolumeMounts | default list) }}
      - {{ toJson . }}
      {{- end }}
volumes:
  {{- if not .bare }}
  - name: secrets
    projected:
      defaultMode: 0440
      sources: {{- if not .files }} []{{ end }}
      {{- range .files }}
        - secret:
            name: {{ .secret }}
            items:
              - {key: {{ .key }}, path: {{ .file }}}
      {{- end }}
  - name: state
    emptyDir: {medium: Memory, sizeLimit: 1Mi}
  {{- end }}
  - name: tmp
    emptyDir: {sizeLimit: {{ .tmp | default "256Mi" }}}
  {{- if $trust }}
  - name: trust
    configMap: {name: {{ $trust }}}
  {{- end }}
  {{- range concat (.volumes | default list) (.own.extraVolumes | default list) }}
  - {{ toJson . }}
  {{- end }}
{{- end -}}

{{- define "hushwire.extraEnv" -}}
{{- $env := dict -}}
{{- with .root.Values.proxy -}}
  {{- if .url -}}
    {{- $env = dict "HTTPS_PROXY" .url "HTTP_PROXY" .url "NO_PROXY" (join "," .except) -}}
  {{- end -}}
{{- end -}}
{{- mergeOverwrite $env (.root.Values.extraEnv | default dict) (.own.extraEnv | default dict) | toJson -}}
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

{{/* Where pods may run: spread over zones and nodes, unless the workload says otherwise. */}}
{{- define "hushwire.placement" -}}
{{- $own := .own -}}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $own.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $own $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
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
