package alerts

// Fired names the fault that fires each alert on a cluster. It is one that happens, and
// the alert is the rule as it stands unless the fault is followed by a scaled time.
var Fired = map[string]string{
	"BlogUnavailable":           "a quota refuses the only pod of the frontend, after the one before was deleted",
	"BlogErrorsBurnFast":        "a release that was verified cannot show a post, and readers ask for posts",
	"BlogErrorsBurnSlowly":      "the same release",
	"BlogLatencyBurnsFast":      "somebody locks the table of posts for more than a second, again and again",
	"BlogLatencyBurnsSlowly":    "the same lock",
	"BlogSignInsFail":           "the client secret was replaced at the identity provider",
	"BlogSCIMSyncLate":          "the client secret for SCIM was replaced at the identity provider",
	"BlogReleaseAborted":        "an image of a release does not exist",
	"BlogReleaseStuck":          "Argo Rollouts is away while a release is under way",
	"BlogGateRefuses":           "spec.promotion.from names a platform that does not exist",
	"BlogBackupOverdue":         "the repository refuses a backup",
	"BlogReplicaMissing":        "a quota refuses the pod of the replica, after the one before was deleted",
	"BlogReplicationLags":       "a replication slot whose reader is gone, and 320 MiB of WAL",
	"BlogVolumeFills":           "a file fills a volume",
	"BlogCertificateNotRenewed": "the key of the authority is not that of its certificate",
	"BlogCertificateExpires":    "the same authority, and a certificate in use that expires within a day",
	"BlogOperatorDown":          "the operator has no pod",
	"BlogOperatorErrors":        "the operator lacks a right, and somebody changes what it would repair",
	"BlogOperatorQueueGrows":    "an admission webhook does not answer, and 40 platforms are created",
	"BlogDriftRepeats":          "somebody changes a PodDisruptionBudget twelve times",
}

// NotFired names the alerts that no honest fault fires on the local cluster, with the reason.
var NotFired = map[string]string{
	// PostgreSQL counts such a segment as archived, and removes it (internal/pgbackrest/postgres.go of Percona 2.5.0).
	"BlogWALNotArchived": "archive_command of the local PostgreSQL operator, Percona's 2.5.0, succeeds though pgbackrest archive-push fails",
}

// Scaled is an alert whose rule waits for too long: a copy with a shorter time, under
// a name of its own, is fired instead.
type Scaled struct {
	// Alert is the name in config/monitoring, From and To are texts of its expression.
	Alert, From, To string
}

// ScaledAlerts are those that wait for longer than a test can.
var ScaledAlerts = []Scaled{{"BlogReleaseStuck", "> 3600", "> 120"}}

// Name of the copy.
func (s Scaled) Name() string { return s.Alert + "Scaled" }
