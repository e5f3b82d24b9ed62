{{/* What the schema can't say: everything that is wrong is told at once, with what to do. */}}
{{- define "hushwire.checks" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}
{{- /* What a file of values leaves empty is null, and no map. */ -}}
{{- $migration := mergeOverwrite (dict "url" "" "passwordSecret" (dict "name" "")) ($v.ledger.migration | default dict) -}}
{{- $extra := dict "extraEnv" $v.extraEnv "gateway.extraEnv" $v.gateway.extraEnv "console.extraEnv" $v.console.extraEnv -}}
{{- $settings := dict "settings" $v.settings "gateway.settings" $v.gateway.settings "console.settings" $v.console.settings -}}
{{- range $name, $worker := $v.workers -}}
  {{- $_ := set $extra (printf "workers.%s.extraEnv" $name) $worker.extraEnv -}}
  {{- $_ := set $settings (printf "workers.%s.settings" $name) $worker.settings -}}
{{- end -}}
{{- $run := dict -}}
{{- range $name, $worker := $v.workers -}}
  {{- range $worker.stages -}}
    {{- if hasKey $run . -}}
      {{- $wrong = append $wrong (printf "workers: both %s and %s run the stage %s; name it once" (get $run .) $name .) -}}
    {{- end -}}
    {{- $_ := set $run . $name -}}
  {{- end -}}
  {{- if $worker.stages -}}
    {{- $most := include "hushwire.most" (dict "root" $ "worker" $worker) | int -}}
    {{- if gt $most ($v.kafka.partitions | int) -}}
      {{- $wrong = append $wrong (printf "workers.%s: %d pods at most, and kafka.partitions is %d: a pod without a partition does nothing. Set maxReplicas (replicas where scaling.by is none) to %d or less; partitions can't be added to topics that exist (docs/deploy/kafka.md)" $name $most ($v.kafka.partitions | int) ($v.kafka.partitions | int)) -}}
    {{- end -}}
    {{- if and (ne $v.scaling.by "none") (gt ($worker.replicas | int) ($worker.maxReplicas | int)) -}}
      {{- $wrong = append $wrong (printf "workers.%s: replicas (%d, the least) is above maxReplicas (%d)" $name ($worker.replicas | int) ($worker.maxReplicas | int)) -}}
    {{- end -}}
    {{- if and (has "vault" $worker.stages) (gt $most 1) (ne $v.keys.signing.accessMode "ReadWriteMany") -}}
      {{- $wrong = append $wrong (printf "workers.%s: pods of the vault stage share the signing key's volume, and with accessMode %s only one can: set keys.signing.accessMode to ReadWriteMany (and a storage class that has it), or maxReplicas to 1" $name $v.keys.signing.accessMode) -}}
    {{- end -}}
    {{- $stop := get (mergeOverwrite (deepCopy ($v.settings | default dict)) ($worker.settings | default dict)) "stop_seconds" | default 25 | float64 | ceil | int -}}
    {{- if lt ($worker.terminationGracePeriodSeconds | int) (add $stop 10) -}}
      {{- $wrong = append $wrong (printf "workers.%s.terminationGracePeriodSeconds: %d is too short for stop_seconds %d, within which a worker hands over; set it to %d or more" $name ($worker.terminationGracePeriodSeconds | int) $stop (add $stop 10)) -}}
    {{- end -}}
    {{- if and (has "vault" $worker.stages) (gt (len $worker.stages) 1) -}}
      {{- $wrong = append $wrong (printf "workers.%s: the vault stage runs alone: whoever listens or detects has no business with the signing key" $name) -}}
    {{- end -}}
    {{- if and (has "admit" $worker.stages) (gt (len $worker.stages) 1) -}}
      {{- $wrong = append $wrong (printf "workers.%s: the admit stage runs alone: nobody else may hold the private half by which calls come in" $name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range list "admit" "transcribe" "detect" "mute" "verify" "vault" -}}
  {{- if not (hasKey $run .) -}}
    {{- $wrong = append $wrong (printf "workers: nobody runs the stage %s; name it under one worker's stages" .) -}}
  {{- end -}}
{{- end -}}
{{- if not $v.image.repository -}}
  {{- $wrong = append $wrong "image.repository: name the image that you built and pushed, such as registry.example.com/hushwire: nobody publishes one (docs/deploy/kubernetes.md, The image)" -}}
{{- end -}}
{{- if not $v.kafka.bootstrap -}}
  {{- $wrong = append $wrong "kafka.bootstrap: name the brokers, host:port with commas" -}}
{{- end -}}
{{- if hasPrefix "SASL" $v.kafka.securityProtocol -}}
  {{- if not (and $v.kafka.username $v.kafka.passwordSecret.name) -}}
    {{- $wrong = append $wrong (printf "kafka: %s needs kafka.username and kafka.passwordSecret.name, a Secret of this namespace" $v.kafka.securityProtocol) -}}
  {{- end -}}
  {{- if and $v.gateway.enabled (not (and $v.gateway.kafka.username $v.gateway.kafka.passwordSecret.name)) -}}
    {{- $wrong = append $wrong "gateway.kafka: needs a username and a passwordSecret.name of its own, of a user who may write to PREFIX.audio.in and nothing else" -}}
  {{- end -}}
  {{- if and $v.gateway.enabled $v.kafka.username (eq $v.gateway.kafka.username $v.kafka.username) -}}
    {{- $wrong = append $wrong "gateway.kafka.username: is the workers' own; give the gateway a user who may write to PREFIX.audio.in and nothing else" -}}
  {{- end -}}
{{- end -}}
{{- if and $v.kafka.ca (or (not $v.trust.configMap) (not (hasSuffix "SSL" $v.kafka.securityProtocol))) -}}
  {{- $wrong = append $wrong "kafka.ca: names a file of the ConfigMap trust.configMap, and needs the securityProtocol SSL or SASL_SSL" -}}
{{- end -}}
{{- if not $v.trust.configMap -}}
  {{- $named := dict "ledger.url" $v.ledger.url "ledger.migration.url" $migration.url -}}
  {{- range $where, $values := merge (dict) $extra $settings -}}
    {{- range $name, $value := $values -}}{{- $_ := set $named (printf "%s.%s" $where $name) $value -}}{{- end -}}
  {{- end -}}
  {{- range $where, $value := $named -}}
    {{- if contains "/trust/" (toJson $value) -}}
      {{- $wrong = append $wrong (printf "%s: names a file in /trust, where trust.configMap is mounted: name it" $where) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if not $v.ledger.url -}}
  {{- $wrong = append $wrong "ledger.url: name the database, such as postgresql+psycopg://hushwire@postgres.example:5432/hushwire?sslmode=verify-full; the password stands in ledger.passwordSecret" -}}
{{- end -}}
{{- /* A password may hold slashes and @ itself, up to the last of which it goes. */ -}}
{{- $secret := "://[^@/?#]*:.*@|(?i)[?&#][^=&]*(password|secret|token)=" -}}
{{- $where := dict "ledger.passwordSecret" $v.ledger.url "ledger.migration.passwordSecret" $migration.url "webhook.signingSecret" $v.webhook.url "proxy.except" $v.proxy.url -}}
{{- range $into, $url := $where -}}
  {{- $name := printf "%s.url" (splitList "." $into | initial | join ".") -}}
  {{- if regexMatch $secret ($url | default "") -}}
    {{- $then := ternary "name one that asks for none" (printf "into the Secret that %s names" $into) (eq $name "proxy.url") -}}
    {{- $wrong = append $wrong (printf "%s: holds a password, which everybody could read who may read this release: take it out, %s" $name $then) -}}
  {{- end -}}
{{- end -}}
{{- if ne (not $migration.url) (not $migration.passwordSecret.name) -}}
  {{- $wrong = append $wrong "ledger.migration: for a user of its own the Job needs both url and passwordSecret.name; leave both empty to migrate as ledger's" -}}
{{- end -}}
{{- range $path, $service := dict "keys.wrapping.service" $v.keys.wrapping.service "keys.transitPrivate.service" $v.keys.transitPrivate.service -}}
  {{- if and (hasPrefix "hcvault:///" $service) (not (get ($v.extraEnv | default dict) "VAULT_ADDR")) -}}
    {{- $wrong = append $wrong (printf "%s: names no host; name it (hcvault://HOST:PORT/…), or set VAULT_ADDR in extraEnv" $path) -}}
  {{- else if and (hasPrefix "hcvault://" $service) (not (hasPrefix "hcvault:///" $service)) (not $v.keys.serviceToken.name) -}}
    {{- $wrong = append $wrong (printf "keys.serviceToken.name: name the Secret with the token by which %s is asked" $path) -}}
  {{- end -}}
{{- end -}}
{{- if and $v.keys.serviceCa (not $v.trust.configMap) -}}
  {{- $wrong = append $wrong "keys.serviceCa: names a file of the ConfigMap trust.configMap" -}}
{{- end -}}
{{- range $where, $variables := $extra -}}
  {{- range $name, $_ := $variables -}}
    {{- if hasPrefix "HUSHWIRE_" $name -}}
      {{- $wrong = append $wrong (printf "%s.%s: is a setting; write it under settings, by its TOML name" $where $name) -}}
    {{- else if regexMatch "(PASSWORD|SECRET|TOKEN|_KEY)$" $name -}}
      {{- $wrong = append $wrong (printf "%s.%s: secrets are no variables; mount a file by extraVolumes" $where $name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range $path, $secret := dict "ledger.passwordSecret.name (key password)" $v.ledger.passwordSecret.name "keys.wrapping.secret (kek.json)" $v.keys.wrapping.secret "keys.token.secret (tokens.key)" $v.keys.token.secret "keys.transitPrivate.secret (transit-private.json)" $v.keys.transitPrivate.secret -}}
  {{- if not $secret -}}
    {{- $wrong = append $wrong (printf "%s: name a Secret of this namespace; docs/deploy/kubernetes.md says how it is made" $path) -}}
  {{- end -}}
{{- end -}}
{{- if not $v.vault.url -}}
  {{- $wrong = append $wrong "vault.url: name a bucket (s3://bucket/prefix), or a folder of the volume vault.claim (/vault/calls)" -}}
{{- else if and (not (hasPrefix "s3://" $v.vault.url)) (not $v.vault.claim) -}}
  {{- $wrong = append $wrong "vault.claim: name the volume claim in which the folder of vault.url lies" -}}
{{- end -}}
{{- if eq (not $v.models.claim) (not $v.models.inImage) -}}
  {{- $wrong = append $wrong "models: set either claim (the volume with the speech models) or inImage to true (for an image that was built with them)" -}}
{{- end -}}
{{- if and $v.models.pull (not $v.models.claim) -}}
  {{- $wrong = append $wrong "models.pull: needs models.claim, the volume that is filled" -}}
{{- end -}}
{{- if and $v.webhook.url (not $v.webhook.signingSecret.name) -}}
  {{- $wrong = append $wrong "webhook.signingSecret.name: name the Secret whose lines sign webhooks (docs/outputs.md)" -}}
{{- end -}}
{{- if $v.gateway.enabled -}}
  {{- if not $v.keys.transitPublic -}}
    {{- $wrong = append $wrong "keys.transitPublic: the gateway seals calls for it; paste what `hushwire keys transit public` prints, or set gateway.enabled to false" -}}
  {{- end -}}
  {{- if not (or $v.gateway.platforms.twilio.name $v.gateway.platforms.telnyx.name $v.gateway.platforms.audiohook.name $v.gateway.audiosocket.from) -}}
    {{- $wrong = append $wrong "gateway: nobody can connect: name the Secret of a platform under gateway.platforms, or Asterisk's addresses in gateway.audiosocket.from, or set gateway.enabled to false" -}}
  {{- end -}}
  {{- if eq (not $v.gateway.tlsSecret) (not $v.gateway.proxies) -}}
    {{- $wrong = append $wrong "gateway: set either tlsSecret (a Secret of type kubernetes.io/tls) or proxies (who brings TLS to it)" -}}
  {{- end -}}
  {{- if and $v.networkPolicy.enabled (not $v.gateway.from) -}}
    {{- $wrong = append $wrong "gateway.from: say who may connect, such as {ipBlock: {cidr: 0.0.0.0/0}} for everybody" -}}
  {{- end -}}
{{- end -}}
{{- if $v.console.enabled -}}
  {{- if eq (not $v.console.tlsSecret) (not $v.console.proxies) -}}
    {{- $wrong = append $wrong "console: set either tlsSecret (a Secret of type kubernetes.io/tls) or proxies (who brings TLS to it)" -}}
  {{- end -}}
  {{- if and $v.networkPolicy.enabled (not $v.console.from) -}}
    {{- $wrong = append $wrong "console.from: say who may connect, such as the namespace of your ingress controller" -}}
  {{- end -}}
  {{- $own := $v.console.kafka -}}
  {{- if and (hasPrefix "SASL" $v.kafka.securityProtocol) (or $own.username $own.passwordSecret.name $own.clientCertificateSecret) (not (and $own.username $own.passwordSecret.name)) -}}
    {{- $wrong = append $wrong "console.kafka: for a user of its own it needs both username and passwordSecret.name; leave both empty for the workers'" -}}
  {{- end -}}
  {{- if and $v.console.ingress.host (not $v.console.ingress.tlsSecret) -}}
    {{- $wrong = append $wrong "console.ingress.tlsSecret: name the host's certificate; calls never go in clear" -}}
  {{- end -}}
{{- end -}}
{{- if and (eq $v.scaling.by "keda") (not $v.scaling.prometheus) -}}
  {{- $wrong = append $wrong "scaling.prometheus: KEDA asks it for the age of the oldest call; name it (http://prometheus.monitoring:9090), or set scaling.by to cpu or none" -}}
{{- end -}}
{{- if $v.networkPolicy.enabled -}}
  {{- $peers := list "kafka" "ledger" -}}
  {{- if hasPrefix "s3://" $v.vault.url -}}{{- $peers = append $peers "s3" -}}{{- end -}}
  {{- if $v.models.pull -}}{{- $peers = append $peers "hub" -}}{{- end -}}
  {{- if or $v.keys.wrapping.service $v.keys.transitPrivate.service -}}{{- $peers = append $peers "keyService" -}}{{- end -}}
  {{- if $v.webhook.url -}}{{- $peers = append $peers "webhook" -}}{{- end -}}
  {{- range $peers -}}
    {{- if not (get $v.networkPolicy .).to -}}
      {{- $wrong = append $wrong (printf "networkPolicy.%s.to: say where it is (ipBlock, namespaceSelector, podSelector): pods reach nothing else. Or set networkPolicy.enabled to false where something else does it" .) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled (or $v.monitoring.pods $v.monitoring.console.tokenSecret.name) (not $v.networkPolicy.monitoring) -}}
  {{- $wrong = append $wrong "networkPolicy.monitoring: say where Prometheus is, such as the namespace monitoring: it reaches no pod" -}}
{{- end -}}
{{- if and $v.gateway.service.sourceRanges (ne $v.gateway.service.type "LoadBalancer") -}}
  {{- $wrong = append $wrong "gateway.service.sourceRanges: is for the type LoadBalancer; elsewhere gateway.from says who may connect" -}}
{{- end -}}
{{- if and $v.externalSecrets.secrets (not $v.externalSecrets.store.name) -}}
  {{- $wrong = append $wrong "externalSecrets.store.name: name the SecretStore or ClusterSecretStore" -}}
{{- end -}}
{{- if and $v.monitoring.console.tokenSecret.name $v.console.tlsSecret (not $v.monitoring.console.serverName) -}}
  {{- $wrong = append $wrong "monitoring.console.serverName: the name that stands in the console's certificate" -}}
{{- end -}}
{{- $alarms := dict -}}
{{- range (first (.Files.Get "files/alerts.yml" | fromYaml).groups).rules -}}{{- $_ := set $alarms .alert .expr -}}{{- end -}}
{{- range $name, $own := $v.monitoring.alarms -}}
  {{- if not (hasKey $alarms $name) -}}
    {{- $wrong = append $wrong (printf "monitoring.alarms.%s: there is no such alarm; there are %s" $name (keys $alarms | sortAlpha | join ", ")) -}}
  {{- else if and (hasKey $own "threshold") (not (contains "# threshold" (get $alarms $name))) -}}
    {{- $wrong = append $wrong (printf "monitoring.alarms.%s: has no threshold; set for or enabled" $name) -}}
  {{- end -}}
{{- end -}}
{{- $ours := list "bootstrap" "partitions" "replication" "raw_retention_seconds" "topic_prefix" "state_dir" "ledger_url" "ledger_password_file" "keyset" "token_key" "transit_private_key" "transit_public_key" "signing_key" "public_keys" "metrics_host" "metrics_port" "backfill" "models_dir" "device" "compute_type" "webhook_url" "webhook_secrets" "gateway_host" "gateway_port" "gateway_certificate" "gateway_key" "gateway_proxies" "gateway_health_host" "gateway_health_port" "gateway_twilio_secrets" "gateway_telnyx_secrets" "gateway_audiohook_secrets" "gateway_audiosocket_host" "gateway_audiosocket_port" "gateway_audiosocket_from" "api_host" "api_port" "api_certificate" "api_key" "api_proxies" "oidc_client_secret_file" -}}
{{- $decimals := .Files.Get "files/decimals.json" | fromJson -}}
{{- range $where, $given := $settings -}}
  {{- range $name, $value := $given -}}
    {{- with get $decimals $name -}}
      {{- if or (lt ($value | float64) (first . | float64)) (gt ($value | float64) (last . | float64)) -}}
        {{- $wrong = append $wrong (printf "%s.%s: %v is out of range; it goes from %v to %v" $where $name $value (first .) (last .)) -}}
      {{- end -}}
    {{- end -}}
    {{- if or (has $name $ours) (hasPrefix "kafka_" $name) -}}
      {{- $wrong = append $wrong (printf "%s.%s: the chart sets it itself, from values of their own (see values.yaml)" $where $name) -}}
    {{- else if and (hasPrefix "gateway_" $name) (ne $where "gateway.settings") -}}
      {{- $wrong = append $wrong (printf "%s.%s: write it under gateway.settings: the gateway takes no others" $where $name) -}}
    {{- else if and (eq $where "gateway.settings") (not (hasPrefix "gateway_" $name)) (not (has $name (list "log_level" "tracing"))) -}}
      {{- $wrong = append $wrong (printf "%s.%s: the gateway takes gateway_…, log_level and tracing alone; write it under settings, or another workload's" $where $name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if $wrong -}}
  {{- fail (printf "\n\nThese values can't work:\n- %s\n" (join "\n- " $wrong)) -}}
{{- end -}}
{{- end -}}
