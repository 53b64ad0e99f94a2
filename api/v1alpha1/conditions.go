package v1alpha1

// The condition types of a BlogPlatform. Stalled, Reconciling, Suspended and
// BackupsFailing are present only when they are true; Promotable is of Staging, PromotionAllowed
// of a Production with a gate, IdentityReady of a platform with spec.identity; the
// others are always there.
const (
	// ConditionAvailable is true while users are served.
	ConditionAvailable = "Available"
	// ConditionReady is true when the spec is fully realised and verified. A reason
	// other than Verified warns of what will fail later if nobody acts.
	ConditionReady = "Ready"
	// ConditionSecretsReady is true when every Secret exists with its keys.
	ConditionSecretsReady = "SecretsReady"
	// ConditionCertificatesReady is true when the certificate of the hosts is issued and
	// valid. With reason RenewalFailing or RenewalOverdue it expires if nobody acts.
	ConditionCertificatesReady = "CertificatesReady"
	// ConditionMeshReady is true when policies and routes are applied and pods get a sidecar.
	ConditionMeshReady = "MeshReady"
	// ConditionDatabaseReady is true when PostgreSQL works and its first backup was made.
	ConditionDatabaseReady = "DatabaseReady"
	// ConditionBackupsFailing is present while a scheduled backup of the database has
	// failed or is overdue. It warns, and is no part of Ready: users are served, and
	// data may be lost later.
	ConditionBackupsFailing = "BackupsFailing"
	// ConditionMigrationsReady is true when the release's migrations have finished.
	ConditionMigrationsReady = "MigrationsReady"
	// ConditionWorkloadsReady is true when all four services run the target release.
	ConditionWorkloadsReady = "WorkloadsReady"
	// ConditionPromotable is true, for Staging, when spec.release is verified here,
	// by digests, so that Production may follow.
	ConditionPromotable = "Promotable"
	// ConditionPromotionAllowed is true, where Production has a gate, when
	// spec.release has passed it.
	ConditionPromotionAllowed = "PromotionAllowed"
	// ConditionIdentityReady is true when the OpenID provider's discovery document
	// answers, and Unknown while the operator does not ask it. Present only with spec.identity; no part of Ready, because a provider
	// that is away keeps nobody from reading.
	ConditionIdentityReady = "IdentityReady"
	// ConditionSuspended is present while spec.suspend is true.
	ConditionSuspended = "Suspended"
	// ConditionReconciling is kstatus' word for work in progress.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is kstatus' word for a spec that cannot be realised without a change to it.
	ConditionStalled = "Stalled"
)
