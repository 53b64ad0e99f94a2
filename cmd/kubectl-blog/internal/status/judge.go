package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/ready"
)

// Line tells how one part stands.
type Line struct {
	Name string      `json:"name"`
	Mark screen.Mark `json:"state"`
	// Text says how it stands, Next why it does not stand better and what to do.
	Text string `json:"text"`
	Next string `json:"next,omitempty"`
	// Parts are what it consists of.
	Parts []Line `json:"parts,omitempty"`
}

// Report is the screen as data.
type Report struct {
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	Environment string `json:"environment"`
	URL         string `json:"url,omitempty"`
	// Mark is the worst of all lines.
	Mark  screen.Mark `json:"state"`
	Lines []Line      `json:"parts"`
}

// judge holds what a report is made of.
type judge struct {
	*Seen
	now time.Time
}

// Judge makes the report.
func Judge(seen *Seen, now time.Time) Report {
	j := judge{seen, now}
	p := seen.Platform
	report := Report{
		Namespace: p.Namespace, Name: p.Name, Environment: string(p.Spec.Environment), URL: p.Status.URL,
		Lines: []Line{j.summary(), j.release(), j.services(), j.database(), j.migrations(), j.certificates(), j.secrets(), j.mesh()},
	}
	if sso := j.sso(); sso != nil {
		report.Lines = append(report.Lines, *sso)
	}
	for _, line := range []*Line{j.promotion(), j.soak()} {
		if line != nil {
			report.Lines = append(report.Lines, *line)
		}
	}
	report.Lines = append(report.Lines, j.others()...)
	report.Mark = worst(report.Lines)
	return report
}

func worst(lines []Line) screen.Mark {
	mark := screen.OK
	for _, line := range lines {
		mark = max(mark, line.Mark)
	}
	return mark
}

func (j judge) condition(name string) *metav1.Condition {
	return meta.FindStatusCondition(j.Platform.Status.Conditions, name)
}

func isTrue(c *metav1.Condition) bool { return c != nil && c.Status == metav1.ConditionTrue }

// summary is what Available, Ready and their like come to.
func (j judge) summary() Line {
	p, line := j.Platform, Line{Name: "Ready", Mark: screen.Attention}
	available, isReady, stalled := j.condition(v1alpha1.ConditionAvailable), j.condition(v1alpha1.ConditionReady), j.condition(v1alpha1.ConditionStalled)
	switch {
	case p.Status.ObservedGeneration == 0:
		line.Text, line.Next = "not yet seen by the operator", "is it running? Look at its Deployment: kubectl get deployments -A -l app.kubernetes.io/name=blogplatform"
	case p.Status.ObservedGeneration < p.Generation:
		line.Text, line.Next = "the last change is not yet seen by the operator", "if this lasts, look at its Deployment: kubectl get deployments -A -l app.kubernetes.io/name=blogplatform"
	case isTrue(isReady) && isTrue(available):
		line.Mark, line.Text = screen.OK, isReady.Message
	case isTrue(stalled):
		line.Mark, line.Text, line.Next = screen.Failed, served(available)+"; the spec has to change", stalled.Message
	case isReady != nil:
		line.Text = served(available) + "; " + words(isReady.Reason) + j.since(isReady)
	}
	if available != nil && !isTrue(available) && available.Reason != reasonDeleting {
		line.Mark, line.Next = j.notServing(available)
	}
	return line
}

// notServing is no failure while a platform is installed that never served.
func (j judge) notServing(available *metav1.Condition) (screen.Mark, string) {
	if j.Platform.Status.Release.Current.Version == "" && !isTrue(j.condition(v1alpha1.ConditionStalled)) {
		return screen.Attention, ""
	}
	return screen.Failed, available.Message
}

func served(available *metav1.Condition) string {
	switch {
	case available == nil:
		return "nobody knows whether users are served"
	case isTrue(available):
		return "users are served"
	case available.Reason == reasonDeleting:
		return "it is being deleted"
	}
	return "users are not served"
}

func (j judge) since(c *metav1.Condition) string {
	if c.LastTransitionTime.IsZero() {
		return ""
	}
	return " for " + Age(j.now.Sub(c.LastTransitionTime.Time))
}

// Reasons that the operator gives (internal/report, internal/stage, internal/ready) which
// say that something is under way and nothing has failed. Children tell more, but
// are read a moment after the condition, and may be done by then.
var underway = []string{
	"Waiting", "HeldByMigrations", "NextInLine", "AtBarrier", "NotObserved", "NotCreated", "NotChecked", reasonDeleting, "Terminating", "Suspended",
	"Running", "RollingOut", "Paused", "ReleaseInProgress", "ReleasePaused",
	"FirstBackup", "InitSQLPending", "VolumeGrowing", "InstancesNotReady", "InstancesUpdating", "NotIssued",
}

const reasonDeleting = "Deleting"

// well are the reasons of a part that is True and of which there is nothing to
// tell. With any other one a part works, and warns of what will fail later.
var well = []string{"Ready", "Discovered"}

// part is a line about a condition that speaks of a part. Verdicts on its
// children, where they were read, tell a failure from work in progress.
func (j judge) part(name, conditionType string, verdicts []ready.Verdict) Line {
	line, c := Line{Name: name}, j.condition(conditionType)
	switch {
	case c == nil:
		line.Mark, line.Text = screen.Attention, "the operator says nothing of it yet"
		return line
	case isTrue(c) && slices.Contains(well, c.Reason):
		line.Text = c.Message
		return line
	}
	line.Mark, line.Text, line.Next = markOf(c, verdicts), words(c.Reason), c.Message
	return line
}

func markOf(c *metav1.Condition, verdicts []ready.Verdict) screen.Mark {
	progressing := false
	for _, v := range verdicts {
		switch v.State {
		case ready.Failed:
			return screen.Failed
		case ready.Progressing, ready.Unknown:
			progressing = true
		}
	}
	if progressing || c.Status != metav1.ConditionFalse || slices.Contains(underway, c.Reason) {
		return screen.Attention
	}
	return screen.Failed
}

// words makes a CamelCase reason readable.
func words(reason string) string {
	var out strings.Builder
	for i, r := range reason {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
			if i > 0 {
				out.WriteByte(' ')
			}
		}
		out.WriteRune(r)
	}
	return out.String()
}

// title makes the type of a condition the name of a line.
func title(conditionType string) string {
	return conditionType[:1] + strings.TrimPrefix(words(conditionType), strings.ToLower(conditionType[:1]))
}

func (j judge) verdictsOf(objects []*unstructured.Unstructured) []ready.Verdict {
	var verdicts []ready.Verdict
	for _, object := range objects {
		verdicts = append(verdicts, ready.Judge(object, object, j.now))
	}
	return verdicts
}

// release is what runs and what is on its way.
func (j judge) release() Line {
	r := j.Platform.Status.Release
	line := Line{Name: "Release"}
	switch {
	case r.Target.Version == "":
		line.Mark, line.Text = screen.Attention, "none yet"
	case r.Current.Digest == r.Target.Digest:
		line.Text = name(r.Current) + ", " + strings.ToLower(string(r.Phase))
	case r.Current.Version == "":
		line.Mark, line.Text = screen.Attention, name(r.Target)+", "+strings.ToLower(string(r.Phase))
	default:
		line.Mark, line.Text = screen.Attention, name(r.Current)+" → "+name(r.Target)+", "+strings.ToLower(string(r.Phase))
	}
	if isFailedPhase(string(r.Phase)) {
		line.Mark = screen.Failed
	}
	if r.CanaryWeight != nil {
		line.Text += ", " + r.Rollout
	}
	if at, err := time.Parse(time.RFC3339, j.Platform.Text("status", "release", "nextCheckTime")); err == nil {
		line.Next = "looked at again at " + screen.Time(at) + in(at.Sub(j.now))
	}
	return line
}

// isFailedPhase tells of phases in which a release has ended without success,
// those of newer operators, too.
func isFailedPhase(phase string) bool { return phase == "Aborted" || phase == "Failed" }

func name(r v1alpha1.ReleaseIdentity) string {
	if r.Digest == "" {
		return r.Version
	}
	return r.Version + " (" + r.Digest + ")"
}

// services are the tree of workloads.
func (j judge) services() Line {
	line := j.part("Services", v1alpha1.ConditionWorkloadsReady, j.verdictsOf(j.Children["Rollout"]))
	for _, service := range naming.Services {
		line.Parts = append(line.Parts, j.service(service))
	}
	if below := worst(line.Parts); below > line.Mark || below == line.Mark && below != screen.OK {
		line.Mark, line.Next = below, "" // the services say it themselves
	}
	return line
}

func (j judge) service(service naming.Service) Line {
	line := Line{Name: string(service), Mark: screen.Attention}
	if err := j.Unread["Rollout"]; err != nil {
		return j.serviceFromStatus(service, line)
	}
	rollout := named(j.Children["Rollout"], j.Platform.Names().Workload(service))
	if rollout == nil {
		line.Text = "not created yet"
		return line
	}
	verdict := ready.Judge(rollout, rollout, j.now)
	line.Mark = markOfState(string(verdict.State))
	line.Text = fmt.Sprintf("%d/%d", integer(rollout, "status", "readyReplicas"), integer(rollout, "spec", "replicas")) + canary(rollout)
	if verdict.State != ready.Ready {
		line.Next = cmp.Or(j.podTrouble(rollout), verdict.Message)
	}
	return line
}

func (j judge) serviceFromStatus(service naming.Service, line Line) Line {
	for _, s := range j.Platform.Status.Services {
		if s.Name == string(service) {
			line.Mark, line.Text, line.Next = markOfState(s.State), fmt.Sprintf("%d/%d", s.Ready, s.Desired), s.Message
		}
	}
	return line
}

func markOfState(state string) screen.Mark {
	switch ready.State(state) {
	case ready.Ready:
		return screen.OK
	case ready.Failed:
		return screen.Failed
	}
	return screen.Attention
}

// canary is how far a Rollout has come with new pods beside the stable ones.
func canary(rollout *unstructured.Unstructured) string {
	stable, current := text(rollout, "status", "stableRS"), text(rollout, "status", "currentPodHash")
	if stable == "" || stable == current {
		return ""
	}
	out := fmt.Sprintf("  canary %d%%", integer(rollout, "status", "canary", "weights", "canary", "weight"))
	steps, _, _ := unstructured.NestedSlice(rollout.Object, "spec", "strategy", "canary", "steps")
	if index, found, _ := unstructured.NestedInt64(rollout.Object, "status", "currentStepIndex"); found && len(steps) > 0 {
		out += fmt.Sprintf(", step %d of %d", min(int(index)+1, len(steps)), len(steps))
	}
	return out
}

// podTrouble is what keeps a pod of a Rollout from being ready, as far as the pod tells.
func (j judge) podTrouble(rollout *unstructured.Unstructured) string {
	selector, _, _ := unstructured.NestedStringMap(rollout.Object, "spec", "selector", "matchLabels")
	var found []string
	for _, pod := range j.Pods {
		for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if waiting := status.State.Waiting; waiting != nil && within(selector, pod.Labels) && isTrouble(waiting.Reason) {
				found = append(found, fmt.Sprintf("Pod %s/%s, container %s: %s; kubectl describe it, or kubectl blog logs", pod.Namespace, pod.Name, status.Name, waiting.Reason))
			}
		}
		if condition := unschedulable(pod); condition != "" && within(selector, pod.Labels) {
			found = append(found, fmt.Sprintf("Pod %s/%s finds no node: %s", pod.Namespace, pod.Name, condition))
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.Min(found)
}

// isTrouble leaves out what every pod waits for at first.
func isTrouble(reason string) bool {
	return reason != "" && reason != "ContainerCreating" && reason != "PodInitializing"
}

func unschedulable(pod corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return c.Message
		}
	}
	return ""
}

func within(selector, labels map[string]string) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return true
}

func (j judge) database() Line {
	line := j.part("Database", v1alpha1.ConditionDatabaseReady, j.verdictsOf(j.Children["PostgresCluster"]))
	d := j.Platform.Status.Database
	if d.Cluster == "" {
		return line
	}
	facts := []string{fmt.Sprintf("%s %d/%d", d.Cluster, d.Ready, d.Desired)}
	if version := j.Platform.Status.Effective.Database.PostgresVersion; version > 0 {
		facts = append(facts, fmt.Sprintf("PostgreSQL %d", version))
	}
	facts = append(facts, j.backedUp())
	line.Text = joinText(facts, line)
	if c := j.condition(v1alpha1.ConditionBackupsFailing); isTrue(c) {
		line.Parts = append(line.Parts, Line{Name: "backups", Mark: screen.Attention, Text: words(c.Reason), Next: c.Message})
		line.Mark = max(line.Mark, screen.Attention)
	}
	return line
}

// backedUp tells how old the last good backup is.
func (j judge) backedUp() string {
	d, last := j.Platform.Status.Database, time.Time{}
	for _, at := range []*metav1.Time{d.LastFullBackupTime, d.LastIncrementalBackupTime} {
		if at != nil && at.After(last) {
			last = at.Time
		}
	}
	switch {
	case !last.IsZero():
		return "last backup " + Age(j.now.Sub(last)) + " ago"
	case d.BackupComplete != nil && *d.BackupComplete:
		return "backed up"
	}
	return "no backup yet"
}

// joinText puts facts in place of what all is well says, and before anything else.
func joinText(facts []string, line Line) string {
	if line.Mark != screen.OK {
		facts = append(facts, line.Text)
	}
	return strings.Join(facts, ", ")
}

// migrations says what the Jobs of the migrations say while their condition is not True.
func (j judge) migrations() Line {
	var jobs []*unstructured.Unstructured
	for _, job := range j.Children["Job"] {
		if strings.HasSuffix(job.GetLabels()[naming.LabelName], "-migration") {
			jobs = append(jobs, job)
		}
	}
	return j.part("Migrations", v1alpha1.ConditionMigrationsReady, j.verdictsOf(jobs))
}

// soon is how long before its end a certificate that is not renewed deserves a look: cert-manager renews after two thirds.
const soon = 7 * 24 * time.Hour

func (j judge) certificates() Line {
	line := j.part("Certificates", v1alpha1.ConditionCertificatesReady, j.verdictsOf(j.Children["Certificate"]))
	c := j.Platform.Status.Certificate
	if c.Name == "" || c.NotAfter == nil {
		return line
	}
	left := c.NotAfter.Sub(j.now)
	line.Text = joinText([]string{fmt.Sprintf("%s until %s%s", c.Name, c.NotAfter.UTC().Format(time.DateOnly), in(left))}, line)
	switch {
	case left < 0:
		line.Mark, line.Next = screen.Failed, cmp.Or(line.Next, "it has expired: look at Certificate "+c.Name+" and at its issuer")
	case left < soon && line.Mark == screen.OK:
		line.Mark, line.Next = screen.Attention, "it is not renewed: look at Certificate "+c.Name+" and at its issuer"
	}
	return line
}

func (j judge) secrets() Line { return j.part("Secrets", v1alpha1.ConditionSecretsReady, nil) }

func (j judge) mesh() Line { return j.part("Mesh", v1alpha1.ConditionMeshReady, nil) }

// sso is there where the spec names an identity provider.
func (j judge) sso() *Line {
	issuer := j.Platform.Text("spec", "identity", "issuer")
	if issuer == "" {
		return nil
	}
	line := j.part("SSO", v1alpha1.ConditionIdentityReady, nil)
	if j.condition(v1alpha1.ConditionIdentityReady) == nil {
		// The operator has not asked yet, or cannot; what the provider needs of us are the Secrets of its clients.
		line = j.part("SSO", v1alpha1.ConditionSecretsReady, nil)
	}
	line.Text = joinText([]string{issuer}, line)
	return &line
}

// known are the conditions that have a line of their own.
var known = []string{
	v1alpha1.ConditionAvailable, v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionIdentityReady,
	v1alpha1.ConditionSecretsReady, v1alpha1.ConditionCertificatesReady, v1alpha1.ConditionMeshReady,
	v1alpha1.ConditionDatabaseReady, v1alpha1.ConditionBackupsFailing, v1alpha1.ConditionMigrationsReady, v1alpha1.ConditionWorkloadsReady,
	v1alpha1.ConditionPromotionAllowed,
}

// promotion is how the gate stands to what the spec asks for, where there is one.
func (j judge) promotion() *Line {
	c := j.condition(v1alpha1.ConditionPromotionAllowed)
	if c == nil {
		return nil
	}
	line := &Line{Name: "Promotion", Text: c.Message}
	if isTrue(c) {
		return line
	}
	from := j.Platform.Spec.Promotion.From
	line.Mark, line.Next = screen.Attention, c.Message
	line.Text = fmt.Sprintf("%s from %s/%s: %s", j.Platform.Spec.Release.Version, from.Namespace, from.Name, words(c.Reason))
	if promote.Stuck(c.Reason) {
		line.Mark = screen.Failed
	}
	return line
}

// soak is since when a Staging platform has run its release and served users.
func (j judge) soak() *Line {
	current := j.Platform.Status.Release.Current
	for _, r := range j.Platform.Status.History {
		switch {
		case r.Outcome != v1alpha1.OutcomeSucceeded || r.Digest != current.Digest || r.Version != current.Version:
		case r.HealthySince != nil:
			return &Line{Name: "Soak", Text: fmt.Sprintf("%s serves users without a break since %s", r.Version, screen.Time(r.HealthySince.Time)), Next: lost(r)}
		case r.SoakInterruption != "":
			return &Line{Name: "Soak", Mark: screen.Attention, Text: r.Version + " does not soak", Next: lost(r)}
		}
	}
	return nil
}

// lost tells why the time that a release had soaked before does not count.
func lost(r v1alpha1.ReleaseRecord) string {
	if r.SoakInterruption == "" {
		return ""
	}
	return "interrupted before: " + r.SoakInterruption
}

// others are the conditions that have no line of their own, those of newer
// operators, too. What does not hold is no failure: a gate may be closed for good reason.
func (j judge) others() []Line {
	var lines []Line
	for _, c := range j.Platform.Status.Conditions {
		if slices.Contains(known, c.Type) {
			continue
		}
		line := Line{Name: title(c.Type), Text: c.Message}
		if !isTrue(&c) || c.Type == v1alpha1.ConditionSuspended {
			line.Mark, line.Text, line.Next = screen.Attention, words(c.Reason), c.Message
		}
		lines = append(lines, line)
	}
	for _, kind := range slices.Sorted(maps.Keys(j.Unread)) {
		line := Line{Name: kind, Mark: screen.Attention, Text: "could not be read", Next: "you may not list it in namespace " + j.Platform.Namespace}
		if platform.Unserved(j.Unread[kind]) {
			line.Text, line.Next = "not known to this cluster", "kubectl blog check tells what it lacks"
		}
		lines = append(lines, line)
	}
	return lines
}

func named(objects []*unstructured.Unstructured, name string) *unstructured.Unstructured {
	for _, object := range objects {
		if object.GetName() == name {
			return object
		}
	}
	return nil
}

func text(object *unstructured.Unstructured, fields ...string) string {
	value, _, _ := unstructured.NestedString(object.Object, fields...)
	return value
}

func integer(object *unstructured.Unstructured, fields ...string) int64 {
	value, _, _ := unstructured.NestedInt64(object.Object, fields...)
	return value
}
