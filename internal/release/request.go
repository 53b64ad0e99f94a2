package release

import (
	"fmt"
	"strings"

	"blogplatform.io/operator/api/v1alpha1"
)

// Verbs of a request, which is "<verb> <version>", and may end in a third word
// that tells it from the same request before.
const (
	Pause  = "pause"
	Resume = "resume"
	Abort  = "abort"
	Retry  = "retry"
)

// maxRequest is how much of a request is remembered.
const maxRequest = 256

// answer honors the request, or says why not: once, whatever comes of it.
func (m *machine) answer() {
	value := m.Request
	if len(value) > maxRequest {
		value = strings.ToValidUTF8(value[:maxRequest], "")
	}
	words := strings.Fields(value)
	if value == m.Status.Request.Value || m.tooEarly(words) {
		return
	}
	m.Status.Request = v1alpha1.RequestStatus{Value: value}
	if value == "" {
		return
	}
	m.Status.Request.Answer = v1alpha1.RequestHonored
	if refusal := m.honor(words); refusal != "" {
		m.Status.Request.Answer, m.Status.Request.Message = v1alpha1.RequestRefused, shortened(refusal, maxAnswer)
	}
}

// tooEarly tells of a request to retry what is still on its way back.
func (m *machine) tooEarly(words []string) bool {
	return len(words) > 0 && words[0] == Retry && m.Status.Phase == v1alpha1.PhaseAborting
}

// honor does what is asked for, or answers why it cannot.
func (m *machine) honor(words []string) (refusal string) {
	if len(words) != 2 && len(words) != 3 {
		return "write the verb and the version, such as: abort v1.4.2"
	}
	verb, version := words[0], words[1]
	if target := m.Status.Target.Version; version != target {
		return fmt.Sprintf("%s is not the release that is worked towards, which is %s", version, target)
	}
	underway := m.underway()
	switch verb {
	case Pause, Resume:
		return m.setPaused(verb == Pause, underway)
	case Abort:
		if !underway && m.Status.Phase != v1alpha1.PhaseCommitting {
			return fmt.Sprintf("release %s is not on its way: its phase is %s", version, m.Status.Phase)
		}
		m.remember(Verdict{Failed, "AbortRequested", "a request asked for it"})
	case Retry:
		if m.Status.Phase != v1alpha1.PhaseAborted {
			return fmt.Sprintf("release %s has not failed: its phase is %s", version, m.Status.Phase)
		}
		if m.Closed {
			return fmt.Sprintf("release %s may not begin now: no window of spec.promotion.windows is open", version)
		}
		m.forget(m.Status.Target.Digest)
		m.begin()
	default:
		return fmt.Sprintf("%q is none of pause, resume, abort and retry", verb)
	}
	return ""
}

func (m *machine) setPaused(paused, underway bool) (refusal string) {
	switch {
	case paused && !underway:
		return fmt.Sprintf("release %s is not on its way: its phase is %s", m.Status.Target.Version, m.Status.Phase)
	case !paused && !m.paused():
		return fmt.Sprintf("release %s is not paused", m.Status.Target.Version)
	}
	m.Status.Paused, m.Status.Progress = nil, nil
	if paused {
		m.Status.Paused = &paused
	}
	return ""
}

// underway tells of a release that replaces another and is not committed yet.
func (m *machine) underway() bool {
	if m.Status.Current.Digest == "" || m.Status.Target.Digest == m.Status.Current.Digest {
		return false
	}
	switch m.Status.Phase {
	case v1alpha1.PhaseMigrating, v1alpha1.PhaseProgressing, v1alpha1.PhaseVerifying:
		return true
	}
	return false
}
