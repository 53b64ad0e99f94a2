//go:build e2e && alerts

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"blogplatform.io/operator/test/alerts"
)

const (
	// root is that of the checkout.
	root = "../.."
	// firesWithin is how long an alert may take, from its fault on.
	firesWithin = 5 * time.Minute
	// resolvesWithin is longer than the longest window of an alert that fires here.
	resolvesWithin = 40 * time.Minute
)

// board remembers all incidents, and follows their alerts until they have resolved.
type board struct {
	// ctx ends with the whole test, and not with a story of it.
	ctx     context.Context
	plugins string
	// argo is held by a story that needs Argo Rollouts, or takes it away.
	argo sync.Mutex
	// pending are alerts that have to resolve, and readers that are there until they have.
	pending sync.WaitGroup

	mu        sync.Mutex
	incidents []*incident
}

// incident is a fault, from its beginning until its alert has resolved.
type incident struct {
	*board
	alert   string
	env     environment
	runbook alerts.Runbook
	// values are what the commands of the runbook leave open.
	values map[string]string
	began  time.Time
	// over is closed once the alert has resolved, or was given up.
	over chan struct{}

	// condition, fired and resolved are how long it took: the first two from the fault
	// on, the last from when the runbook was followed to its end; 0 for never.
	condition, fired, resolved time.Duration
}

// story is a fault and the alerts that it fires.
type story struct {
	alerts []string
	run    func(*testing.T, *board, environment)
}

// operator stands for no platform.
var operator = environment{}

// TestAnAlertForEveryFaultAndAWayBackForEveryAlert brings each alert about by a fault, and
// ends it by following its runbook word for word. Stories of one platform run one after
// the other beside those of the other platform; those of the operator run alone.
func TestAnAlertForEveryFaultAndAWayBackForEveryAlert(t *testing.T) {
	bad := build(t, "v0.0.0-no-posts", wrongTable)
	stories := map[environment][]story{
		staging: {
			{[]string{"BlogDriftRepeats"}, somebodyWhoWritesAgainAndAgain}, // the first, because it resolves after half an hour
			{[]string{"BlogErrorsBurnFast", "BlogErrorsBurnSlowly"}, func(t *testing.T, b *board, env environment) { postsThatCannotBeShown(t, b, env, bad) }},
			{[]string{"BlogOperatorErrors"}, anOperatorWithoutARight},
			{[]string{"BlogSignInsFail", "BlogSCIMSyncLate"}, secretsThatTheProviderReplaced},
			{[]string{"BlogCertificateNotRenewed", "BlogCertificateExpires"}, anAuthorityThatCannotSign},
			{[]string{"BlogReleaseStuck"}, aReleaseWithoutArgoRollouts},
			{[]string{"BlogUnavailable"}, aPodThatAQuotaRefuses},
		},
		production: {
			{[]string{"BlogLatencyBurnsFast", "BlogLatencyBurnsSlowly"}, aTableThatIsLocked},
			{[]string{"BlogGateRefuses"}, aGateThatKnowsNoStaging},
			{[]string{"BlogBackupOverdue"}, aRepositoryThatRefusesABackup},
			{[]string{"BlogReplicaMissing"}, aReplicaThatAQuotaRefuses},
			{[]string{"BlogReplicationLags"}, aSlotThatNobodyReads},
			{[]string{"BlogVolumeFills"}, aVolumeThatFills},
			{[]string{"BlogReleaseAborted"}, anImageThatIsMissing},
		},
		operator: {
			{[]string{"BlogOperatorDown"}, anOperatorWithoutAPod},
			{[]string{"BlogOperatorQueueGrows"}, aWebhookThatDoesNotAnswer},
		},
	}
	everyAlert(t, stories)
	b := &board{ctx: t.Context(), plugins: plugin(t)}
	defer b.print(t)
	scaleRules(t)
	t.Run("platforms", func(t *testing.T) {
		for _, env := range environments {
			t.Run(env.namespace, func(t *testing.T) {
				t.Parallel()
				b.tell(t, env, stories[env])
			})
		}
	})
	t.Run("operator", func(t *testing.T) { b.tell(t, operator, stories[operator]) })
	b.pending.Wait()
}

// everyAlert fails the test unless the stories fire exactly the alerts that are listed.
func everyAlert(t *testing.T, stories map[environment][]story) {
	t.Helper()
	var told []string
	for _, own := range stories {
		for _, s := range own {
			told = append(told, s.alerts...)
		}
	}
	slices.Sort(told)
	if listed := slices.Sorted(maps.Keys(alerts.Fired)); !slices.Equal(told, listed) {
		t.Fatalf("the stories fire %q\nlisted are      %q", told, listed)
	}
}

func (b *board) tell(t *testing.T, env environment, stories []story) {
	for _, s := range stories {
		t.Run(strings.Join(s.alerts, " and "), func(t *testing.T) { s.run(t, b, env) })
	}
}

// begins notes that a fault begins now. Its alert must not fire yet.
func (b *board) begins(t *testing.T, env environment, alert string) *incident {
	t.Helper()
	runbook, err := alerts.ReadRunbook(root, alert)
	if err != nil {
		t.Fatal(err)
	}
	i := &incident{
		board: b, alert: alert, env: env, runbook: runbook, over: make(chan struct{}),
		values: map[string]string{"$NS": env.namespace, "$PLATFORM": platform},
	}
	fires, err := i.isFiring(t.Context())
	if err != nil || fires {
		t.Fatalf("%s fires before its fault: %t, %v", i.rule(), fires, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.incidents = append(b.incidents, i)
	i.began = time.Now()
	return i
}

// rule is the name of the alert that is fired: that of a copy where its time is scaled.
func (i *incident) rule() string {
	for _, s := range alerts.ScaledAlerts {
		if s.Alert == i.alert {
			return s.Name()
		}
	}
	return i.alert
}

// isFiring asks Prometheus. An alert of the operator names no namespace.
func (i *incident) isFiring(ctx context.Context) (bool, error) {
	raw, err := clientset.CoreV1().Services("monitoring").ProxyGet("http", "prometheus", "9090", "/api/v1/alerts", nil).DoRaw(ctx)
	if err != nil {
		return false, err
	}
	var answer struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return false, err
	}
	for _, a := range answer.Data.Alerts {
		if a.State == "firing" && a.Labels["alertname"] == i.rule() && a.Labels["namespace"] == i.env.namespace {
			return true, nil
		}
	}
	return false, nil
}

// tells waits until a condition of the platform tells of the fault.
func (i *incident) tells(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	eventually(t, truth-time.Since(i.began), what, check)
	i.note(&i.condition, i.began)
}

// fires waits for the alert, and then runs what the runbook says to look at. It answers what that said.
func (i *incident) fires(t *testing.T) string {
	t.Helper()
	eventually(t, firesWithin-time.Since(i.began), i.rule()+" fires", func(ctx context.Context) error {
		fires, err := i.isFiring(ctx)
		if err == nil && !fires {
			err = errors.New("it does not")
		}
		return err
	})
	i.note(&i.fired, i.began)
	t.Logf("%s fires after %s", i.rule(), i.fired.Round(time.Second))
	if _, open := i.values["<pod of the database>"]; !open && i.env != operator {
		i.values["<pod of the database>"] = leader(t, i.env).Name
	}
	var said strings.Builder
	for _, command := range i.runbook.Diagnosis {
		said.WriteString(i.run(t, command, ""))
	}
	return said.String()
}

// follows runs the command in Mitigation of the runbook that begins with a text, and answers what it said.
func (i *incident) follows(t *testing.T, begins, input string) string {
	t.Helper()
	command, err := i.runbook.Command(begins)
	if err != nil {
		t.Fatal(err)
	}
	return i.run(t, command, input)
}

// advised is called before a test does what the runbook says in words.
func (i *incident) advised(t *testing.T, text string) {
	t.Helper()
	if err := i.runbook.Advises(text); err != nil {
		t.Fatal(err)
	}
}

// run has a shell run a command of the runbook as it is written, until it succeeds
// within a minute: a pod that has just begun has neither logs nor metrics.
func (i *incident) run(t *testing.T, command, input string) string {
	t.Helper()
	filled, err := alerts.Fill(command, i.values)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	eventually(t, time.Minute, filled, func(ctx context.Context) error {
		var errOut bytes.Buffer
		out.Reset()
		kubeconfig := os.Getenv("BLOGPLATFORM_KUBECONFIG")
		shell := exec.CommandContext(ctx, "sh", "-c", filled)
		path := []string{i.plugins, filepath.Join(filepath.Dir(kubeconfig), "bin"), os.Getenv("PATH")}
		shell.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+strings.Join(path, string(os.PathListSeparator)))
		shell.Stdin, shell.Stdout, shell.Stderr = strings.NewReader(input), &out, &errOut
		err := shell.Run()
		var exit *exec.ExitError
		// The exit code of status tells how the platform is (docs/kubectl-blog.md).
		if errors.As(err, &exit) && strings.HasPrefix(filled, "kubectl blog status ") && strings.Contains(out.String(), "Ready") {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %s%s", err, errOut.String(), out.String())
		}
		return nil
	})
	t.Logf("$ %s\n%.2000s", filled, out.String())
	return out.String()
}

// ends says that the runbook was followed to its end. The alert is watched until it has resolved, while other stories go on.
func (i *incident) ends() {
	followed := time.Now()
	i.pending.Go(func() {
		defer close(i.over)
		err := wait.PollUntilContextTimeout(i.ctx, 2*time.Second, resolvesWithin, true, func(ctx context.Context) (bool, error) {
			fires, err := i.isFiring(ctx)
			return err == nil && !fires, nil // Prometheus may be away for a moment
		})
		if err == nil {
			i.note(&i.resolved, followed)
		}
	})
}

// resolves is ends where a story has to wait for the alert.
func (i *incident) resolves(t *testing.T, limit time.Duration) {
	t.Helper()
	i.ends()
	eventually(t, limit, i.rule()+" resolves", i.isOver)
}

// isOver is nil once the alert has resolved.
func (i *incident) isOver(context.Context) error {
	select {
	case <-i.over:
		return nil
	default:
		return errors.New("it fires")
	}
}

func (i *incident) note(took *time.Duration, since time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	*took = time.Since(since)
}

// print writes a row for each alert, and fails the test for what never came.
func (b *board) print(t *testing.T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.SortFunc(b.incidents, func(x, y *incident) int { return strings.Compare(x.alert, y.alert) })
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ALERT\tFAULT\tSECONDS TO CONDITION\tTO ALERT\tFROM THE END OF THE RUNBOOK TO RESOLVED")
	for _, i := range b.incidents {
		if i.fired == 0 || i.resolved == 0 {
			t.Errorf("%s has fired after %s and resolved after %s; 0 is never", i.rule(), i.fired, i.resolved)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", i.alert, faultOf(i.alert), seconds(i.condition), seconds(i.fired), seconds(i.resolved))
	}
	for _, name := range slices.Sorted(maps.Keys(alerts.NotFired)) {
		fmt.Fprintf(w, "%s\tnot fired: %s\t\t\t\n", name, alerts.NotFired[name])
	}
	_ = w.Flush() // a Builder takes everything
	t.Logf("\n%s", table.String())
}

// faultOf says where the rule is not as it stands.
func faultOf(alert string) string {
	for _, s := range alerts.ScaledAlerts {
		if s.Alert == alert {
			return fmt.Sprintf("%s (rule with %q scaled to %q)", alerts.Fired[alert], s.From, s.To)
		}
	}
	return alerts.Fired[alert]
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprint(int(d.Round(time.Second).Seconds()))
}

// scaleRules adds the scaled copies to the rules of the cluster's Prometheus, and takes them out in the end.
func scaleRules(t *testing.T) {
	t.Helper()
	configs := clientset.CoreV1().ConfigMaps("monitoring")
	before, err := configs.Get(t.Context(), "prometheus", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := alerts.WithScaled(before.Data["rules.yml"], alerts.ScaledAlerts)
	if err != nil {
		t.Fatal(err)
	}
	write := func(rules string) error {
		ctx := context.WithoutCancel(t.Context())
		live, err := configs.Get(ctx, "prometheus", metav1.GetOptions{})
		if err != nil {
			return err
		}
		live.Data["rules.yml"] = rules
		_, err = configs.Update(ctx, live, metav1.UpdateOptions{})
		return err
	}
	t.Cleanup(func() {
		if err := write(before.Data["rules.yml"]); err != nil {
			t.Error(err)
		}
	})
	if err := write(text); err != nil {
		t.Fatal(err)
	}
	eventually(t, 4*time.Minute, "Prometheus has read the scaled rules", func(ctx context.Context) error {
		raw, err := clientset.CoreV1().Services("monitoring").ProxyGet("http", "prometheus", "9090", "/api/v1/rules", nil).DoRaw(ctx)
		if err != nil {
			return err
		}
		for _, s := range alerts.ScaledAlerts {
			if !bytes.Contains(raw, []byte(`"`+s.Name()+`"`)) {
				return fmt.Errorf("it has no %s", s.Name())
			}
		}
		return nil
	})
}
