{{/*
The names are those of config/default and do not depend on the release: the
admission policies know the operator by the name of its ServiceAccount, and a
cluster has one operator.
*/}}
{{- define "operator.account" -}}
blogplatform-controller-manager
{{- end }}

{{/* Which pods are the operator's. These labels can never change. */}}
{{- define "operator.selector" -}}
control-plane: controller-manager
app.kubernetes.io/name: blogplatform
{{- end }}

{{- define "operator.labels" -}}
app.kubernetes.io/name: blogplatform
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{/*
The objects of a file of config/, named and labelled as those of the chart: dict
root, file, and optionally the namespace that they are in and their labels.
*/}}
{{- define "operator.fromConfig" -}}
{{- $labels := default (include "operator.labels" .root | fromYaml) .labels }}
{{- $namespace := .namespace }}
{{- range $text := regexSplit "(?m)^---$" (.root.Files.Get .file) -1 }}
{{- $object := fromYaml $text }}
{{- if $object.kind }}
{{- $metadata := $object.metadata }}
{{- if not (hasPrefix "blogplatform-manager-" $metadata.name) }}
{{- $_ := set $metadata "name" (printf "blogplatform-%s" $metadata.name) }}
{{- end }}
{{- $_ := set $metadata "labels" (merge (dict) (default (dict) $metadata.labels) $labels) }}
{{- if $namespace }}
{{- $_ := set $metadata "namespace" $namespace }}
{{- end }}
{{- if eq $object.kind "ValidatingAdmissionPolicyBinding" }}
{{- $_ := set $object.spec "policyName" (printf "blogplatform-%s" $object.spec.policyName) }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
{{- end }}

{{/* The operator's ServiceAccount as the subject of a binding. */}}
{{- define "operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "operator.account" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
