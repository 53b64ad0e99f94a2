package stage

// Reasons of a child that is not written in this reconcile, or that waits for others.
const (
	// ReasonWaiting: the child is not created before an earlier stage is ready.
	ReasonWaiting = "Waiting"
	// ReasonHeldByMigrations: an earlier release runs until the migrations of the target are done.
	ReasonHeldByMigrations = "HeldByMigrations"
	// ReasonNextInLine: the frontend runs the current release until the data services are at the barrier.
	ReasonNextInLine = "NextInLine"
	// ReasonAtBarrier: a service has finished its steps, and waits for the others and for Verify.
	ReasonAtBarrier = "AtBarrier"
)
