package report

// Reasons of conditions of a whole platform. Those of a child are in internal/ready
// and internal/stage, those of a spec that cannot be realised in internal/plan.
const (
	ReasonVerified    = "Verified"
	ReasonServing     = "Serving"
	ReasonNotServing  = "NotServing"
	ReasonSuspended   = "Suspended"
	ReasonDeleting    = "Deleting"
	ReasonNotObserved = "NotObserved"
	// ReasonObservationFailed: too little could be read to say how the platform is.
	ReasonObservationFailed = "ObservationFailed"
	// ReasonReady: everything that the condition reports is ready.
	ReasonReady = "Ready"

	// Of a release, in Ready.
	ReasonReleaseInProgress = "ReleaseInProgress"
	ReasonReleasePaused     = "ReleasePaused"
	ReasonReleaseAborting   = "ReleaseAborting"
	ReasonReleaseAborted    = "ReleaseAborted"
	// ReasonRollbackUnsafe: a contract migration has removed what the release of spec.release needs.
	ReasonRollbackUnsafe = "RollbackUnsafe"

	// Of the identity provider.
	ReasonDiscovering   = "Discovering"
	ReasonDiscovered    = "Discovered"
	ReasonNotDiscovered = "NotDiscovered"
	// ReasonAddressNotAllowed: the provider is in a network that --identity-provider-networks does not name.
	ReasonAddressNotAllowed = "AddressNotAllowed"
)

// releaseReasons are those that Ready has while a release is under way or was aborted.
var releaseReasons = []string{ReasonReleaseInProgress, ReasonReleasePaused, ReasonReleaseAborting, ReasonReleaseAborted, ReasonRollbackUnsafe}
