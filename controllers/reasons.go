package controllers

// Reasons of conditions that the operator gives itself. Those of a child are
// given by internal/ready, those of a spec that cannot be realised by internal/plan.
const (
	// reasonNamespaceNotAllowed: the spec asks for a child in a namespace that
	// --gateway-namespaces does not name.
	reasonNamespaceNotAllowed = "GatewayNamespaceNotAllowed"

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
