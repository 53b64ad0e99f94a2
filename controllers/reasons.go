package controllers

// Reasons of conditions that the operator gives itself. Those of a child are
// given by internal/ready, those of a spec that cannot be realised by internal/plan.
const (
	// Of a whole platform.
	reasonVerified    = "Verified"
	reasonServing     = "Serving"
	reasonNotServing  = "NotServing"
	reasonSuspended   = "Suspended"
	reasonDeleting    = "Deleting"
	reasonNotObserved = "NotObserved"
	// reasonObservationFailed: too little could be read to tell how the platform is.
	reasonObservationFailed = "ObservationFailed"
	reasonHostConflict      = "HostConflict"
	// reasonHostNotAllowed: the platform's namespace may not claim a host.
	reasonHostNotAllowed = "HostNotAllowed"
	// reasonNamespaceNotAllowed: the spec asks for a child in a namespace that
	// --gateway-namespaces does not name.
	reasonNamespaceNotAllowed = "GatewayNamespaceNotAllowed"

	// Of a condition all of whose children are ready.
	reasonReady = "Ready"
	// reasonWaiting: the child is not created before an earlier stage is ready.
	reasonWaiting = "Waiting"
	// reasonHeld: an earlier release runs on until the migrations of the wanted one are done.
	reasonHeld = "HeldByMigrations"
	// reasonNextInLine: the frontend runs the current release until the data services are at the barrier.
	reasonNextInLine = "NextInLine"
	// reasonAtBarrier: a service has come to the end of its steps, and waits for the others and for Verify.
	reasonAtBarrier = "AtBarrier"

	// Of a release, in Ready.
	reasonReleaseInProgress = "ReleaseInProgress"
	reasonReleasePaused     = "ReleasePaused"
	reasonReleaseAborting   = "ReleaseAborting"
	reasonReleaseAborted    = "ReleaseAborted"
	// reasonRollbackUnsafe: a contract migration has taken away what the release of spec.release needs.
	reasonRollbackUnsafe = "RollbackUnsafe"

	// Of the identity provider.
	reasonDiscovering   = "Discovering"
	reasonDiscovered    = "Discovered"
	reasonNotDiscovered = "NotDiscovered"
	// reasonAddressNotAllowed: the provider is in a network that --identity-provider-networks does not name.
	reasonAddressNotAllowed = "AddressNotAllowed"

	// Of a child that could not be written.
	reasonKindMissing      = "KindMissing"
	reasonNamespaceMissing = "NamespaceMissing"
	reasonNotOurs          = "NotOurs"
	reasonQuotaExceeded    = "QuotaExceeded"
	reasonForbidden        = "Forbidden"
	reasonRefused          = "Refused"
	reasonApplyFailed      = "ApplyFailed"

	// Of what a child depends on.
	// reasonSecretTerminating: a SealedSecret waits until the Secret of the one before is deleted.
	reasonSecretTerminating = "SecretTerminating"
	reasonSecretMissing     = "SecretMissing"
	reasonKeyMissing        = "KeyMissing"
	reasonIssuerMissing     = "IssuerMissing"
	reasonVolumePending     = "VolumePending"
	reasonRestartPending    = "RestartPending"
	// reasonPasswordReadOnce: services of the current release do not follow a password that is replaced.
	reasonPasswordReadOnce = "PasswordReadOnce"
	reasonSidecarsInjected = "SidecarsInjected"
	reasonSidecarMissing   = "SidecarMissing"
	reasonNotChecked       = "NotChecked"
	reasonDataPlaneAbsent  = "DataPlaneAbsent"
)

// releaseReasons are those that Ready has while a release is under way or taken back.
var releaseReasons = []string{reasonReleaseInProgress, reasonReleasePaused, reasonReleaseAborting, reasonReleaseAborted, reasonRollbackUnsafe}
