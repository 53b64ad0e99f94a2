package ready

// State is how far a child has come.
type State string

// The states.
const (
	Ready State = "Ready"
	// Warning is of what is as it should be now, and will fail later if nobody acts.
	Warning     State = "Warning"
	Progressing State = "Progressing"
	Failed      State = "Failed"
	Unknown     State = "Unknown"
)

// Verdict is a judgement of one child, for a person to act on.
type Verdict struct {
	State State
	// Reason is CamelCase, for a condition.
	Reason string
	// Message names the object, what is wrong and the next action. It holds no
	// times, counters that move by themselves, or secret values.
	Message string
}

// Good tells whether users get now what they should: the verdict is Ready, or
// a Warning of what will fail later.
func (v Verdict) Good() bool { return v.State == Ready || v.State == Warning }
