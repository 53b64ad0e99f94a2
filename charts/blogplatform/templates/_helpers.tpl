{{/* These labels never name the platform's children, so nothing that selects by them finds data. */}}
{{- define "blogplatform.labels" -}}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "blogplatform.test" -}}
{{ .Release.Name }}-helm-test
{{- end }}

{{/* What the objects of `helm test` have in common; the argument is their weight. */}}
{{- define "blogplatform.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
