package release

import (
	"slices"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

const (
	// The pause before a broken release is tried again doubles with each time.
	firstPause = time.Minute
	lastPause  = time.Hour
	// maxDeadlines is how often migrations may run until their deadline before
	// the release is not tried again without a request.
	maxDeadlines = 3
	// maxFailures is how many sets are remembered that failed.
	maxFailures = 5
	// maxMessage and maxAnswer are how many characters of a message status keeps
	// (ReleaseFailure.message, RequestStatus.message): more would refuse the whole status.
	maxMessage = 1024
	maxAnswer  = 512
)

// Decision is what to do now, and what to remember of it.
type Decision struct {
	// Status is what to remember. It is written before anything is done that
	// could not be understood without it.
	Status v1alpha1.ReleaseStatus
	// DataOnTarget and FrontendOnTarget tell what services run: the target, or the current release.
	DataOnTarget, FrontendOnTarget bool
	// Hold leaves the Rollouts as they are: there is nothing that they may run yet.
	Hold bool
	// First is true as long as nothing was ever verified. Direct then lets the
	// Rollouts replace what was never verified without steps.
	First, Direct bool
	// Short are services that take no steps that protect readers: they have none.
	Short []naming.Service
	// Window lets the Rollouts take the shortest way.
	Window bool
	// Halted are the services of a paused release whose Rollouts must not go on by
	// themselves. Argo Rollouts scales nothing of them meanwhile (v1.10.1,
	// rollout/context.go haltProgress), so they are no more than needed.
	Halted []naming.Service
	// Release are the services whose barrier is released now.
	Release []naming.Service
	// Due is when the first deadline passes if nothing happens; zero if there is none.
	Due time.Time
}

// Stopped tells whether the target goes no further.
func (d Decision) Stopped() bool { return Stopped(d.Status.Phase) }

// Stopped tells of a phase in which the target goes no further.
func Stopped(phase v1alpha1.ReleasePhase) bool {
	return phase == v1alpha1.PhaseAborting || phase == v1alpha1.PhaseAborted
}

// Verifying tells whether the target may be verified, or was.
func (d Decision) Verifying() bool {
	switch d.Status.Phase {
	case v1alpha1.PhaseInstalling, v1alpha1.PhaseVerifying, v1alpha1.PhaseCommitting, v1alpha1.PhaseComplete:
		return true
	}
	return false
}

// Target is the set that is worked towards. A commit that has begun comes to its end first.
func Target(status v1alpha1.ReleaseStatus, wanted v1alpha1.ReleaseIdentity) v1alpha1.ReleaseIdentity {
	if status.Phase == v1alpha1.PhaseCommitting {
		return status.Target
	}
	return wanted
}

// machine makes one decision.
type machine struct {
	Facts
	Decision
}

// Decide decides how the release goes on. Neither argument is modified.
func Decide(status v1alpha1.ReleaseStatus, f Facts) Decision {
	m := &machine{Facts: f, Decision: Decision{Status: *status.DeepCopy()}}
	m.First = status.Current.Digest == ""
	if f.Suspended && status.Phase != "" {
		m.stay()
		m.Status.NextCheckTime, m.Status.Progress = nil, nil
		return m.Decision
	}
	m.beginAttempt()
	m.answer()
	m.advance()
	m.Halted = m.halted()
	m.Status.NextCheckTime = m.nextCheck()
	return m.Decision
}

// halted are the services that are on their way to the target. One that stands,
// or waits at the barrier, stays where it is without that.
func (m *machine) halted() []naming.Service {
	if phase := m.Status.Phase; !m.paused() || phase != v1alpha1.PhaseProgressing && phase != v1alpha1.PhaseVerifying {
		return nil
	}
	var halted []naming.Service
	for _, service := range naming.Services {
		onTarget := m.DataOnTarget
		if service == naming.Frontend {
			onTarget = m.FrontendOnTarget
		}
		if onTarget && !m.Services[service].arrived(m.Status.Target.Digest) {
			halted = append(halted, service)
		}
	}
	return halted
}

// stay keeps what runs where it is, as far as that is known.
func (m *machine) stay() {
	if m.Stopped() {
		return
	}
	m.FrontendOnTarget = m.Services[naming.Frontend].Set == m.Status.Target.Digest
	m.DataOnTarget = m.FrontendOnTarget || m.Services[naming.User].Set == m.Status.Target.Digest
}

// beginAttempt begins a new attempt if there is a different target, or if it is time to
// retry the target.
func (m *machine) beginAttempt() {
	target := Target(m.Status, m.Wanted)
	switch {
	case target.Digest != m.Status.Target.Digest || target.Version != m.Status.Target.Version:
		m.Status.Target = v1alpha1.ReleaseIdentity{Version: target.Version, Digest: target.Digest}
		m.begin()
	case m.Status.Phase == v1alpha1.PhaseAborted && m.due():
		m.begin()
	}
}

// begin begins an attempt, unless the target is known to fail.
func (m *machine) begin() {
	m.Status.Paused, m.Status.Progress = nil, nil
	if failure := m.failure(); failure != nil && failure.RetryTime == nil {
		m.enter(v1alpha1.PhaseAborting)
		return
	}
	m.Status.Attempt++
	m.enter(v1alpha1.PhaseMigrating)
	if m.Status.Current.Digest == "" {
		m.enter(v1alpha1.PhaseInstalling)
	}
}

func (m *machine) enter(phase v1alpha1.ReleasePhase) {
	if m.Status.Phase != phase {
		now := metav1.NewTime(m.Now).Rfc3339Copy()
		m.Status.Phase, m.Status.PhaseTime, m.Status.Progress = phase, &now, nil
	}
}

// advance takes the release one phase on, or leaves it where it is.
func (m *machine) advance() {
	phase := m.Status.Phase
	switch {
	case m.First:
		m.install()
	case m.Status.Target.Digest == m.Status.Current.Digest:
		m.settle()
	case phase == v1alpha1.PhaseAborting || phase == v1alpha1.PhaseAborted:
		m.goBack()
	case phase == v1alpha1.PhaseCommitting:
		m.commit()
	case phase == v1alpha1.PhaseMigrating && (!m.Prepared || m.paused() || !m.back()):
		m.migrate()
	default:
		m.progress()
	}
}

// install brings up the first release. There is nothing to compare it with and
// nothing to go back to: Verify judges it, again and again.
func (m *machine) install() {
	m.DataOnTarget, m.FrontendOnTarget, m.Hold = true, true, !m.Prepared
	target := m.Status.Target.Digest
	m.Direct = slices.ContainsFunc(naming.Services, func(name naming.Service) bool {
		s := m.Services[name]
		return s.Set != "" && (s.Set != target || !s.Stands && !s.Steps)
	})
	up := m.Prepared && !m.Direct && m.all(func(s Service) bool { return s.stands(target) && s.Healthy })
	switch {
	case up && m.Verify.Outcome == Passed:
		m.complete()
	case up:
		m.enter(v1alpha1.PhaseVerifying)
	default:
		m.enter(v1alpha1.PhaseInstalling)
	}
}

// settle keeps the current release, or goes back to it because that is what is wanted.
func (m *machine) settle() {
	current := m.Status.Current.Digest
	if m.Status.Phase == v1alpha1.PhaseComplete || m.all(func(s Service) bool { return s.stands(current) }) {
		m.complete()
	} else {
		m.enter(v1alpha1.PhaseProgressing)
		m.Window = true
	}
	m.DataOnTarget, m.FrontendOnTarget = true, true
	m.release(current)
}

// back tells whether all services run the current release and nothing else.
func (m *machine) back() bool {
	current := m.Status.Current.Digest
	return m.all(func(s Service) bool { return s.stands(current) })
}

// migrate waits for the migrations, while all services run the current release.
// Those that are on their way to another one come back first: readers must not
// be led to pods of a third one while a canary has a share of them, and a
// service that has committed another one alone must not lose its short way back.
func (m *machine) migrate() {
	if !m.back() {
		m.Window = true
		m.release(m.Status.Current.Digest)
	}
	if !m.Prepared {
		m.fails(m.migrationsOverdue())
	}
}

// progress takes the data services to the barrier side by side, then the
// frontend, and has all of it verified there.
func (m *machine) progress() {
	target := m.Status.Target.Digest
	if m.fails(m.trouble()) {
		return
	}
	m.DataOnTarget, m.Short = true, m.urgent()
	there := !slices.ContainsFunc(naming.DataServices, func(s naming.Service) bool { return !m.Services[s].arrived(target) })
	frontend := m.Services[naming.Frontend]
	m.FrontendOnTarget = frontend.Set == target || (there || frontend.Down) && !m.paused()
	if !there || !frontend.arrived(target) {
		m.enter(v1alpha1.PhaseProgressing)
		m.fails(m.rolloutOverdue())
		return
	}
	// A verdict from before this phase would be of other pods.
	if m.Status.Phase != v1alpha1.PhaseVerifying {
		m.enter(v1alpha1.PhaseVerifying)
		return
	}
	if m.fails(m.Verify) || m.paused() {
		return
	}
	if m.Verify.Outcome == Passed {
		m.enter(v1alpha1.PhaseCommitting)
		m.Window = true
		return
	}
	m.fails(m.taskOverdue("verify", m.Test, m.Limits.Verify, "VerifyTimeout"))
}

// urgent are the services of the current release that serve nobody; without the
// frontend that is all of them. There is no reader to protect from the target.
func (m *machine) urgent() []naming.Service {
	var urgent []naming.Service
	for _, service := range naming.Services {
		if m.Services[service].Down || m.Services[naming.Frontend].Down {
			urgent = append(urgent, service)
		}
	}
	return urgent
}

// commit releases the barrier of all services. The Rollouts are given the
// window first, so that even a service that is through can go back at once.
func (m *machine) commit() {
	target := m.Status.Target.Digest
	if m.all(func(s Service) bool { return s.stands(target) }) {
		m.complete()
		m.DataOnTarget, m.FrontendOnTarget = true, true
		return
	}
	if m.fails(m.trouble()) || m.fails(m.commitOverdue()) {
		return
	}
	m.DataOnTarget, m.FrontendOnTarget, m.Window = true, true, true
	m.release(target)
}

func (m *machine) complete() {
	m.enter(v1alpha1.PhaseComplete)
	m.Status.Paused = nil
	if m.Status.Current.Digest != m.Status.Target.Digest {
		m.Status.Current = v1alpha1.ReleaseIdentity{Version: m.Status.Target.Version, Digest: m.Status.Target.Digest, Images: m.Images}
	}
	m.forget(m.Status.Target.Digest)
}

// goBack runs the current release, which is the last good one.
func (m *machine) goBack() {
	m.Status.Paused = nil
	if m.Status.Phase == v1alpha1.PhaseAborted || m.back() {
		m.enter(v1alpha1.PhaseAborted)
		return
	}
	m.enter(v1alpha1.PhaseAborting)
	m.Window = true
	m.release(m.Status.Current.Digest)
}

// release lets the services go that wait at the barrier with a set.
func (m *machine) release(set string) {
	for _, service := range naming.Services {
		if s := m.Services[service]; s.Set == set && s.AtBarrier && s.Window {
			m.Release = append(m.Release, service)
		}
	}
}

// trouble is the worst that has befallen a service on the target.
func (m *machine) trouble() Verdict {
	var worst Verdict
	for _, service := range naming.Services {
		s := m.Services[service]
		if s.Set != m.Status.Target.Digest || !s.Trouble.bad() {
			continue
		}
		if worst.Outcome == Open || s.Trouble.Outcome == Failed && worst.Outcome == Broken {
			worst = s.Trouble
		}
	}
	return worst
}

// fails goes back after a bad verdict.
func (m *machine) fails(v Verdict) bool {
	if !v.bad() {
		return false
	}
	m.remember(v)
	m.DataOnTarget, m.FrontendOnTarget, m.Short, m.Due = false, false, nil, time.Time{}
	m.goBack()
	return true
}

// remember records a bad verdict. If the target itself was not at fault, it also
// schedules a retry.
func (m *machine) remember(v Verdict) {
	failure := v1alpha1.ReleaseFailure{Digest: m.Status.Target.Digest, Version: m.Status.Target.Version, Reason: v.Reason, Message: shortened(v.Message, maxMessage), Count: 1}
	if before := m.failure(); before != nil {
		failure.Count += before.Count
	}
	if v.Outcome == Broken && !m.hopeless(v, failure.Count) {
		at := metav1.NewTime(m.Now.Add(pause(failure.Count))).Rfc3339Copy()
		failure.RetryTime = &at
	}
	m.forget(failure.Digest)
	m.Status.Failures = slices.Insert(m.Status.Failures, 0, failure)
	if n := len(m.Status.Failures); n > maxFailures {
		m.Status.Failures = m.Status.Failures[:maxFailures]
	}
	m.enter(v1alpha1.PhaseAborting)
}

// hopeless tells of migrations that have run until their deadline so often that
// another attempt would only load the database.
func (m *machine) hopeless(v Verdict, failures int32) bool {
	return v.Reason == reasonMigrationDeadline && failures >= maxDeadlines
}

// shortened keeps the first characters of a text that is too long for status.
func shortened(text string, characters int) string {
	if utf8.RuneCountInString(text) <= characters {
		return text
	}
	return string([]rune(text)[:characters-1]) + "…"
}

// pause before the next attempt after so many that broke.
func pause(failures int32) time.Duration {
	length := firstPause
	for range failures - 1 {
		if length *= 2; length >= lastPause {
			return lastPause
		}
	}
	return length
}

// failure is what is remembered of the target, if it failed.
func (m *machine) failure() *v1alpha1.ReleaseFailure {
	return FailureOf(m.Status)
}

// FailureOf is what status remembers of its target, if that failed.
func FailureOf(status v1alpha1.ReleaseStatus) *v1alpha1.ReleaseFailure {
	for i := range status.Failures {
		if status.Failures[i].Digest == status.Target.Digest {
			return &status.Failures[i]
		}
	}
	return nil
}

func (m *machine) forget(digest string) {
	m.Status.Failures = slices.DeleteFunc(m.Status.Failures, func(f v1alpha1.ReleaseFailure) bool { return f.Digest == digest })
}

// due tells whether it is time to try the target again.
func (m *machine) due() bool {
	failure := m.failure()
	return !m.Closed && failure != nil && failure.RetryTime != nil && !m.Now.Before(failure.RetryTime.Time)
}

// nextCheck is when the target is tried again. It is never in the past.
func (m *machine) nextCheck() *metav1.Time {
	switch m.Status.Phase {
	case v1alpha1.PhaseAborted, v1alpha1.PhaseAborting:
		failure := m.failure()
		if failure == nil || failure.RetryTime == nil {
			return nil
		}
		if !m.Now.Before(failure.RetryTime.Time) {
			return nil // its time has come, and it waits for the way back or the gate
		}
		return failure.RetryTime
	}
	return nil
}

func (m *machine) paused() bool { return m.Status.Paused != nil && *m.Status.Paused }

// all tells whether something is true of all four services.
func (m *machine) all(is func(Service) bool) bool {
	return !slices.ContainsFunc(naming.Services, func(s naming.Service) bool { return !is(m.Services[s]) })
}
