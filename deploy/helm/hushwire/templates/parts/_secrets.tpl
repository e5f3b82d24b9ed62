{{/* Which secret files a workload gets: JSON of [{secret, key, file}]. A file stands here only for who
needs it (docs/deploy/install.md says who holds what; tests/repository/chart/test_secrets.py holds it to that).
`kind` is worker, gateway, console, ledger or models; `stages` are a worker's. */}}
{{- define "hushwire.secretFiles" -}}
{{- $v := .root.Values -}}
{{- $files := list -}}
{{- $stages := .stages | default list -}}
{{- $reads := or (eq .kind "worker") (eq .kind "console") -}}
{{- $kafka := include "hushwire.kafkaUser" . | fromJson -}}
{{- if has .kind (list "worker" "console" "gateway") -}}
  {{- if hasPrefix "SASL" $v.kafka.securityProtocol -}}
    {{- $files = append $files (dict "secret" $kafka.passwordSecret.name "key" $kafka.passwordSecret.key "file" "kafka-password") -}}
  {{- end -}}
  {{- if $kafka.clientCertificateSecret -}}
    {{- $files = append $files (dict "secret" $kafka.clientCertificateSecret "key" "tls.crt" "file" "kafka.crt") -}}
    {{- $files = append $files (dict "secret" $kafka.clientCertificateSecret "key" "tls.key" "file" "kafka.key") -}}
  {{- end -}}
{{- end -}}
{{- if has .kind (list "worker" "console" "ledger") -}}
  {{- $ledger := include "hushwire.ledgerUser" . | fromJson -}}
  {{- $files = append $files (dict "secret" $ledger.passwordSecret.name "key" $ledger.passwordSecret.key "file" "ledger-password") -}}
{{- end -}}
{{- if $reads -}}
  {{- $files = append $files (dict "secret" $v.keys.wrapping.secret "key" $v.keys.wrapping.key "file" "kek.json") -}}
{{- end -}}
{{- if or (eq .kind "console") (has "admit" $stages) (has "detect" $stages) (has "verify" $stages) (has "vault" $stages) -}}
  {{- $files = append $files (dict "secret" $v.keys.token.secret "key" $v.keys.token.key "file" "tokens.key") -}}
{{- end -}}
{{- if has "admit" $stages -}}
  {{- $files = append $files (dict "secret" $v.keys.transitPrivate.secret "key" $v.keys.transitPrivate.key "file" "transit-private.json") -}}
{{- end -}}
{{- if and $v.vault.s3.credentialsSecret.name (or (eq .kind "console") (has "vault" $stages)) -}}
  {{- $files = append $files (dict "secret" $v.vault.s3.credentialsSecret.name "key" $v.vault.s3.credentialsSecret.key "file" "aws-credentials") -}}
{{- end -}}
{{- if and $v.webhook.url (has "vault" $stages) -}}
  {{- $files = append $files (dict "secret" $v.webhook.signingSecret.name "key" $v.webhook.signingSecret.key "file" "webhook.secrets") -}}
{{- end -}}
{{- if has .kind (list "gateway" "console") -}}
  {{- $own := get $v .kind -}}
  {{- if $own.tlsSecret -}}
    {{- $files = append $files (dict "secret" $own.tlsSecret "key" "tls.crt" "file" "server.crt") -}}
    {{- $files = append $files (dict "secret" $own.tlsSecret "key" "tls.key" "file" "server.key") -}}
  {{- end -}}
{{- end -}}
{{- if eq .kind "gateway" -}}
  {{- range $platform, $secret := $v.gateway.platforms -}}
    {{- if $secret.name -}}
      {{- $files = append $files (dict "secret" $secret.name "key" $secret.key "file" (printf "%s.secrets" $platform)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and (eq .kind "console") $v.console.oidcClientSecret.name -}}
  {{- $files = append $files (dict "secret" $v.console.oidcClientSecret.name "key" $v.console.oidcClientSecret.key "file" "oidc-secret") -}}
{{- end -}}
{{- if and $v.keys.serviceToken.name (contains "hcvault://" (include "hushwire.services" (dict "root" .root "files" $files))) -}}
  {{- $files = append $files (dict "secret" $v.keys.serviceToken.name "key" $v.keys.serviceToken.key "file" "vault-token") -}}
{{- end -}}
{{- $files | toJson -}}
{{- end -}}

{{/* As whom a workload comes to the broker, and to the ledger: JSON. */}}
{{- define "hushwire.kafkaUser" -}}
{{- $v := .root.Values -}}
{{- $own := dict -}}
{{- if has .kind (list "gateway" "console") -}}{{- $own = get (get $v .kind) "kafka" -}}{{- end -}}
{{- ternary $own $v.kafka (or (eq .kind "gateway") (ne (printf "%v%v" (get $own "username" | default "") (get $own "clientCertificateSecret" | default "")) "")) | toJson -}}
{{- end -}}

{{- define "hushwire.ledgerUser" -}}
{{- $v := .root.Values -}}
{{- $own := $v.ledger.migration | default dict -}}
{{- ternary $own $v.ledger (and (eq .kind "ledger") (ne ($own.url | default "") "")) | toJson -}}
{{- end -}}

{{- define "hushwire.fileNames" -}}
{{- $names := list -}}
{{- range . -}}{{- $names = append $names .file -}}{{- end -}}
{{- $names | toJson -}}
{{- end -}}

{{/* Key services that a workload with these secret files asks: JSON. */}}
{{- define "hushwire.services" -}}
{{- $keys := .root.Values.keys -}}
{{- $names := include "hushwire.fileNames" .files | fromJsonArray -}}
{{- $asked := list -}}
{{- if has "kek.json" $names -}}{{- $asked = append $asked $keys.wrapping.service -}}{{- end -}}
{{- if has "transit-private.json" $names -}}{{- $asked = append $asked $keys.transitPrivate.service -}}{{- end -}}
{{- compact $asked | toJson -}}
{{- end -}}

{{/* Places of networkPolicy that a workload has to reach: JSON. */}}
{{- define "hushwire.reaches" -}}
{{- $v := .root.Values -}}
{{- $vault := has "vault" (.stages | default list) -}}
{{- $to := list "dns" "kafka" -}}
{{- if has .kind (list "worker" "console") -}}{{- $to = append $to "ledger" -}}{{- end -}}
{{- if and (or $vault (eq .kind "console")) (hasPrefix "s3://" $v.vault.url) -}}{{- $to = append $to "s3" -}}{{- end -}}
{{- if ne (include "hushwire.services" .) "[]" -}}{{- $to = append $to "keyService" -}}{{- end -}}
{{- if and $vault $v.webhook.url -}}{{- $to = append $to "webhook" -}}{{- end -}}
{{- $to | toJson -}}
{{- end -}}

{{/* Settings of a workload by their variables, without what only one kind has: JSON of name to value.
Secrets are files in /state/keys and never variables. */}}
{{- define "hushwire.settings" -}}
{{- $v := .root.Values -}}
{{- $files := include "hushwire.fileNames" .files | fromJsonArray -}}
{{- $kafka := include "hushwire.kafkaUser" . | fromJson -}}
{{- $env := dict "HUSHWIRE_STATE_DIR" "/state/keys" -}}
{{- if has .kind (list "worker" "console" "gateway") -}}
  {{- $_ := set $env "HUSHWIRE_BOOTSTRAP" $v.kafka.bootstrap -}}
  {{- $_ := set $env "HUSHWIRE_KAFKA_SECURITY_PROTOCOL" $v.kafka.securityProtocol -}}
  {{- $_ := set $env "HUSHWIRE_TOPIC_PREFIX" $v.kafka.topicPrefix -}}
  {{- $_ := set $env "HUSHWIRE_PARTITIONS" ($v.kafka.partitions | int) -}}
  {{- $_ := set $env "HUSHWIRE_REPLICATION" ($v.kafka.replication | int) -}}
  {{- $_ := set $env "HUSHWIRE_RAW_RETENTION_SECONDS" ($v.kafka.rawRetentionSeconds | int64) -}}
  {{- if has "kafka-password" $files -}}
    {{- $_ := set $env "HUSHWIRE_KAFKA_SASL_MECHANISM" $v.kafka.saslMechanism -}}
    {{- $_ := set $env "HUSHWIRE_KAFKA_USERNAME" $kafka.username -}}
    {{- $_ := set $env "HUSHWIRE_KAFKA_PASSWORD_FILE" "/state/keys/kafka-password" -}}
  {{- end -}}
  {{- if has "kafka.key" $files -}}
    {{- $_ := set $env "HUSHWIRE_KAFKA_CERTIFICATE" "/state/keys/kafka.crt" -}}
    {{- $_ := set $env "HUSHWIRE_KAFKA_KEY" "/state/keys/kafka.key" -}}
  {{- end -}}
  {{- if $v.kafka.ca -}}
    {{- $_ := set $env "HUSHWIRE_KAFKA_CA" (printf "/trust/%s" $v.kafka.ca) -}}
  {{- end -}}
{{- end -}}
{{- if has .kind (list "worker" "console" "ledger") -}}
  {{- $_ := set $env "HUSHWIRE_LEDGER_URL" (include "hushwire.ledgerUser" . | fromJson).url -}}
  {{- $_ := set $env "HUSHWIRE_LEDGER_PASSWORD_FILE" "/state/keys/ledger-password" -}}
{{- end -}}
{{- if has "kek.json" $files -}}
  {{- if $v.keys.wrapping.service -}}{{- $_ := set $env "HUSHWIRE_KEYSET" $v.keys.wrapping.service -}}{{- end -}}
{{- end -}}
{{- if has "transit-private.json" $files -}}
  {{- if $v.keys.transitPrivate.service -}}{{- $_ := set $env "HUSHWIRE_TRANSIT_PRIVATE_KEY" $v.keys.transitPrivate.service -}}{{- end -}}
{{- end -}}
{{- if and $v.keys.serviceCa (contains "hcvault://" (include "hushwire.services" .)) -}}
  {{- $_ := set $env "VAULT_CACERT" (printf "/trust/%s" $v.keys.serviceCa) -}}
{{- end -}}
{{- if or (eq .kind "console") (has "vault" (.stages | default list)) -}}
  {{- if has "aws-credentials" $files -}}{{- $_ := set $env "AWS_SHARED_CREDENTIALS_FILE" "/state/keys/aws-credentials" -}}{{- end -}}
  {{- if $v.vault.s3.region -}}{{- $_ := set $env "AWS_REGION" $v.vault.s3.region -}}{{- end -}}
  {{- if $v.vault.s3.endpoint -}}{{- $_ := set $env "AWS_ENDPOINT_URL_S3" $v.vault.s3.endpoint -}}{{- end -}}
  {{- if hasPrefix "http://" $v.vault.s3.endpoint -}}{{- $_ := set $env "AWS_ALLOW_HTTP" "true" -}}{{- end -}}
{{- end -}}
{{- range $name, $value := .own | default dict -}}
  {{- $_ := set $env (printf "HUSHWIRE_%s" ($name | upper)) (kindIs "slice" $value | ternary (join "," $value) $value) -}}
{{- end -}}
{{- $env | toJson -}}
{{- end -}}
