{{/* The rules of files/alerts.yml as monitoring.alarms wants them: each selector and each alarm names the namespace,
so that releases in one Prometheus don't answer for one another. */}}
{{- define "hushwire.alarms" -}}
{{- $monitoring := .Values.monitoring -}}
{{- $text := .Files.Get "files/alerts.yml" -}}
{{- with $monitoring.runbooks -}}
{{- $text = regexReplaceAll "runbook_url: .*docs/runbooks/([a-z-]+)[.]md.*" $text (printf "runbook_url: %s" (replace "%s" "${1}" .)) -}}
{{- end -}}
{{- $expected := dict "HushwireGatewayAway" .Values.gateway.enabled "HushwireConsoleAway" (and .Values.console.enabled $monitoring.console.tokenSecret.name) -}}
{{- $rules := list -}}
{{- range $rule := (first (fromYaml $text).groups).rules -}}
  {{- $own := get $monitoring.alarms $rule.alert | default dict -}}
  {{- if and (dig "enabled" true $own) (or (not (hasKey $expected $rule.alert)) (get $expected $rule.alert)) -}}
    {{- $expr := regexReplaceAll "(?m)^ *#.*\n|^.*# seen before$\n?" $rule.expr "" -}}
    {{- if hasKey $own "threshold" -}}
      {{- $expr = regexReplaceAll "[0-9.]+( *# threshold)" $expr (printf "%s${1}" (toString $own.threshold)) -}}
    {{- end -}}
    {{- $expr = regexReplaceAll "\\b(hushwire_[a-z_]+|process_[a-z_]+|up)\\b" $expr (printf "${1}{namespace=%q}" $.Release.Namespace) -}}
    {{- $expr = replace "}{" "," $expr -}}
    {{- $_ := set $rule "expr" $expr -}}
    {{- with $own.for -}}{{- $_ := set $rule "for" . -}}{{- end -}}
    {{- $_ := set $rule.labels "namespace" $.Release.Namespace -}}
    {{- $rules = append $rules $rule -}}
  {{- end -}}
{{- end -}}
{{- toYaml $rules -}}
{{- end -}}
