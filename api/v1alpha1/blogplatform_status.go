package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BlogPlatformStatus is the environment as the operator found it.
type BlogPlatformStatus struct {
	// conditions tell whether the blog is served (Available), whether the spec
	// is fully realised (Ready), and how each part of it stands.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=20
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the metadata.generation that this status describes.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// url is the address of the blog.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	URL string `json:"url,omitempty"`
	// hosts that the platform serves, sorted. No other platform gets a host that is listed
	// here.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Hosts []string `json:"hosts,omitempty"`
	// release is what runs and what is on its way.
	// +optional
	Release ReleaseStatus `json:"release,omitzero"`
	// services tell how each workload stands.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=4
	Services []ServiceStatus `json:"services,omitempty"`
	// database tells how PostgreSQL stands.
	// +optional
	Database DatabaseStatus `json:"database,omitzero"`
	// certificate tells how the certificate of the hosts stands.
	// +optional
	Certificate CertificateStatus `json:"certificate,omitzero"`
	// effective are the values in effect, defaults included.
	// +optional
	Effective EffectiveStatus `json:"effective,omitzero"`
	// migrations that finished. They do not run again when Kubernetes deletes their Jobs.
	// +optional
	// +listType=map
	// +listMapKey=job
	// +kubebuilder:validation:MaxItems=30
	Migrations []MigrationStatus `json:"migrations,omitempty"`
	// history is the last 10 releases, newest first. Failed releases are dropped before
	// successful ones.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	History []ReleaseRecord `json:"history,omitempty"`
	// inventory lists the children that cannot carry an ownerReference: those in
	// other namespaces and those that hold data. One line each: group/kind/namespace/name/uid.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MaxLength=700
	Inventory []string `json:"inventory,omitempty"`
}

// ReleasePhase is how far the target release has come.
//
// +kubebuilder:validation:Enum=Installing;Migrating;Progressing;Verifying;Committing;Complete;Aborting;Aborted
type ReleasePhase string

// The phases of a release.
const (
	// PhaseInstalling brings up the first release, which replaces nothing.
	PhaseInstalling ReleasePhase = "Installing"
	// PhaseMigrating runs the migrations; all services run the current release.
	PhaseMigrating ReleasePhase = "Migrating"
	// PhaseProgressing takes the services through their steps: the data services
	// side by side, then the frontend.
	PhaseProgressing ReleasePhase = "Progressing"
	// PhaseVerifying checks the platform as a reader would; all services wait at the end
	// of their steps.
	PhaseVerifying ReleasePhase = "Verifying"
	// PhaseCommitting makes the target the stable one of all services.
	PhaseCommitting ReleasePhase = "Committing"
	// PhaseComplete: the target is the current release.
	PhaseComplete ReleasePhase = "Complete"
	// PhaseAborting takes all services back to the current release.
	PhaseAborting ReleasePhase = "Aborting"
	// PhaseAborted runs the current release, because the target failed.
	PhaseAborted ReleasePhase = "Aborted"
)

// ReleaseStatus is what runs and what is on its way.
type ReleaseStatus struct {
	// current is the last release that was verified.
	// +optional
	Current ReleaseIdentity `json:"current,omitzero"`
	// target is the release that the operator works towards; equal to current when it is done.
	// +optional
	Target ReleaseIdentity `json:"target,omitzero"`
	// phase is how far the target has come.
	// +optional
	Phase ReleasePhase `json:"phase,omitempty"`
	// rollout is a word for the column of that name, such as stable, canary 20% or frontend canary 20%.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Rollout string `json:"rollout,omitempty"`
	// canaryWeight is the smallest share of traffic in percent that a service gives the target while it rolls out.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	CanaryWeight *int32 `json:"canaryWeight,omitempty"`
	// attempt numbers the attempts at releases of this platform.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Attempt int64 `json:"attempt,omitempty"`
	// phaseTime is when the phase was entered.
	// +optional
	PhaseTime *metav1.Time `json:"phaseTime,omitempty"`
	// progress tells, for each part that the phase waits for, how far it has come
	// and since when it has come no further. A part that takes too long fails the release.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Progress []ReleaseProgress `json:"progress,omitempty"`
	// paused is true after a request to pause, until one to resume.
	// +optional
	Paused *bool `json:"paused,omitempty"`
	// nextCheckTime is when the operator reconciles the release again if nothing happens
	// before.
	// +optional
	NextCheckTime *metav1.Time `json:"nextCheckTime,omitempty"`
	// failures are the sets of pods that failed, the last one first. A set with a
	// retryTime is retried then, others on request only.
	// +optional
	// +listType=map
	// +listMapKey=digest
	// +kubebuilder:validation:MaxItems=5
	Failures []ReleaseFailure `json:"failures,omitempty"`
	// request is the last request that was answered.
	// +optional
	Request RequestStatus `json:"request,omitzero"`
	// override is the last emergency override that was used.
	// +optional
	Override OverrideStatus `json:"override,omitzero"`
	// inherited is true if the platform was created over the data of an earlier one. Its
	// first release then has to pass the gate of spec.promotion, too, except for the
	// windows.
	// +optional
	Inherited *bool `json:"inherited,omitempty"`
	// waiting is the release that has passed the gate of spec.promotion except for its
	// windows. It keeps that, whatever staging releases until a window opens.
	// +optional
	Waiting WaitingStatus `json:"waiting,omitzero"`
}

// WaitingStatus is a release that waits for a window.
type WaitingStatus struct {
	// version as in spec.release.version.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Version string `json:"version,omitempty"`
	// imagesDigest of the release.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ImagesDigest string `json:"imagesDigest,omitempty"`
	// from is the BlogPlatform that has verified it, as namespace/name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	From string `json:"from,omitempty"`
}

// ReleaseProgress is how far a part of a release has come.
type ReleaseProgress struct {
	// name of a service, or migrations, verify or commit.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`
	// step is the index of the canary step at hand, or how many migrations are done.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Step int32 `json:"step"`
	// pods is the highest number of pods that were ready at that step at once; for a Job,
	// 1 once it has started.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Pods int32 `json:"pods"`
	// time is when the part came so far.
	// +required
	Time metav1.Time `json:"time,omitzero"`
}

// OverrideStatus is an emergency override that let a release through the gate.
// It is used once, for the images that spec.release named then.
type OverrideStatus struct {
	// value of the annotation blogplatform.io/promotion-override.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Value string `json:"value,omitempty"`
	// imagesDigest of the release that it let through.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ImagesDigest string `json:"imagesDigest,omitempty"`
}

// ReleaseFailure is a set of pods that failed, and why.
type ReleaseFailure struct {
	// digest of the set.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Digest string `json:"digest,omitempty"`
	// version as in spec.release.version.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Version string `json:"version,omitempty"`
	// reason in one word, such as AnalysisFailed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// message names the object that failed, and why.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// count is how often it failed.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Count int32 `json:"count,omitempty"`
	// retryTime is when it is retried; absent if it is retried on request only.
	// +optional
	RetryTime *metav1.Time `json:"retryTime,omitempty"`
}

// RequestAnswer is what became of a request.
//
// +kubebuilder:validation:Enum=Honored;Refused
type RequestAnswer string

// The answers to a request.
const (
	RequestHonored RequestAnswer = "Honored"
	RequestRefused RequestAnswer = "Refused"
)

// RequestStatus is a request that was answered.
type RequestStatus struct {
	// value of the annotation blogplatform.io/request.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Value string `json:"value,omitempty"`
	// answer is what became of it.
	// +optional
	Answer RequestAnswer `json:"answer,omitempty"`
	// message says why it was refused.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// ReleaseIdentity names a release.
type ReleaseIdentity struct {
	// version as in spec.release.version.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Version string `json:"version,omitempty"`
	// digest is a hash of the four pod templates, so that two releases of one version can be told apart.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Digest string `json:"digest,omitempty"`
	// images of the current release, which runs them while the next one migrates.
	// +optional
	Images Images `json:"images,omitzero"`
}

// ReleaseOutcome is how a release ended.
//
// +kubebuilder:validation:Enum=Succeeded;Superseded;Aborted;InProgress
type ReleaseOutcome string

// The outcomes of a release.
const (
	OutcomeInProgress ReleaseOutcome = "InProgress"
	OutcomeSucceeded  ReleaseOutcome = "Succeeded"
	OutcomeSuperseded ReleaseOutcome = "Superseded"
	OutcomeAborted    ReleaseOutcome = "Aborted"
)

// ReleaseRecord is one release of the history.
type ReleaseRecord struct {
	// version as in spec.release.version.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Version string `json:"version,omitempty"`
	// digest is the hash of the four pod templates.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Digest string `json:"digest,omitempty"`
	// imagesDigest is the SHA-256, in hexadecimal digits, of the digests of the four
	// images, the same on every platform; absent if one of them is named by a tag alone.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ImagesDigest string `json:"imagesDigest,omitempty"`
	// startTime is when the operator first saw it.
	// +required
	StartTime metav1.Time `json:"startTime,omitzero"`
	// completionTime is when it was verified, superseded or aborted.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	// outcome is how it ended.
	// +required
	Outcome ReleaseOutcome `json:"outcome,omitempty"`
	// reason of its last failure, such as AnalysisFailed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// message of its last failure.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// override is the emergency override that let it through the gate: the version and the reason.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Override string `json:"override,omitempty"`
	// healthySince is since when a Staging platform has run the release and served
	// its users without a break; absent while it does not. The soak of
	// spec.promotion.soakSeconds counts from here.
	// +optional
	HealthySince *metav1.Time `json:"healthySince,omitempty"`
	// soakedSeconds is how long the soak had lasted when another release replaced this
	// one.
	// +optional
	// +kubebuilder:validation:Minimum=1
	SoakedSeconds int64 `json:"soakedSeconds,omitempty"`
	// soakInterruption says why the soak was interrupted last. It started again from zero
	// then.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	SoakInterruption string `json:"soakInterruption,omitempty"`
	// migrations that changed a schema, each as service, phase and the schema's
	// versions, such as user expand 2 -> 3. Those of phase contract are of the release
	// before; one that has begun, and may have changed something, is user contract 1 -> begun.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=6
	// +kubebuilder:validation:items:MaxLength=128
	Migrations []string `json:"migrations,omitempty"`
}

// ServiceStatus tells how one workload stands.
type ServiceStatus struct {
	// name of the service: frontend, user, content or comment.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Enum=frontend;user;content;comment
	Name string `json:"name,omitempty"`
	// ready is the number of pods that are ready.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Ready int32 `json:"ready"`
	// desired is the number of pods that there should be.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Desired int32 `json:"desired"`
	// state is Ready, Progressing, Failed or Unknown.
	// +optional
	// +kubebuilder:validation:Enum=Ready;Progressing;Failed;Unknown
	// +kubebuilder:validation:MaxLength=32
	State string `json:"state,omitempty"`
	// message says why, where the state is not Ready.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// DatabaseStatus tells how PostgreSQL stands.
type DatabaseStatus struct {
	// summary is a word for the column of that name, such as 2/2.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Summary string `json:"summary,omitempty"`
	// cluster is the name of the PostgresCluster.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Cluster string `json:"cluster,omitempty"`
	// ready is the number of instances that are ready.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Ready int32 `json:"ready"`
	// desired is the number of instances that there should be.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Desired int32 `json:"desired"`
	// identity of the database. It changes with a restore, and if another database takes
	// its place.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Identity string `json:"identity,omitempty"`
	// schemas are what migrations have found in this database. A schema is absent until a
	// migration has reported it, and while a contract migration runs.
	// +optional
	// +listType=map
	// +listMapKey=service
	// +kubebuilder:validation:MaxItems=4
	Schemas []SchemaStatus `json:"schemas,omitempty"`
	// backupComplete is true once the repository holds a finished backup.
	// +optional
	BackupComplete *bool `json:"backupComplete,omitempty"`
	// lastFullBackupTime is when the last good full backup was finished, as far as the
	// PostgreSQL operator reports it.
	// +optional
	LastFullBackupTime *metav1.Time `json:"lastFullBackupTime,omitempty"`
	// lastIncrementalBackupTime is when the last good incremental backup was finished, as
	// far as the PostgreSQL operator reports it.
	// +optional
	LastIncrementalBackupTime *metav1.Time `json:"lastIncrementalBackupTime,omitempty"`
}

// SchemaStatus is the state of the schema of a service.
type SchemaStatus struct {
	// service that owns the schema.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Service string `json:"service,omitempty"`
	// contract is the number of its last contract migration, 0 for none. A release
	// that has fewer of them cannot run on the schema.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Contract int64 `json:"contract"`
}

// CertificateStatus tells how the certificate of the hosts stands.
type CertificateStatus struct {
	// name of the Certificate, as namespace/name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=320
	Name string `json:"name,omitempty"`
	// notAfter is when it expires.
	// +optional
	NotAfter *metav1.Time `json:"notAfter,omitempty"`
}

// EffectiveStatus are the values in effect, defaults included.
type EffectiveStatus struct {
	// replicas by service; the minimum if a service is autoscaled.
	// +optional
	// +kubebuilder:validation:MaxProperties=4
	Replicas map[string]int32 `json:"replicas,omitempty"`
	// database values in effect.
	// +optional
	Database EffectiveDatabase `json:"database,omitzero"`
	// analysis of a new release.
	// +optional
	Analysis EffectiveAnalysis `json:"analysis,omitzero"`
	// steps of a rollout, each as a word such as weight 20, pause 30s or analysis.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=64
	Steps []string `json:"steps,omitempty"`
	// deletionPolicy in effect.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// EffectiveAnalysis are the values in effect by which a new release is judged.
type EffectiveAnalysis struct {
	// prometheus is its address; absent if the load alone judges.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Prometheus string `json:"prometheus,omitempty"`
	// minSuccessPercent is the minimum percentage of answers with a status below 500.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MinSuccessPercent int32 `json:"minSuccessPercent,omitempty"`
	// maxP99Milliseconds is the maximum 99th percentile of response times.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxP99Milliseconds int32 `json:"maxP99Milliseconds,omitempty"`
	// minRequests is the minimum number of requests in a measurement.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MinRequests int32 `json:"minRequests,omitempty"`
	// durationSeconds is the period that a measurement covers.
	// +optional
	// +kubebuilder:validation:Minimum=1
	DurationSeconds int32 `json:"durationSeconds,omitempty"`
}

// EffectiveDatabase are the database's values in effect.
type EffectiveDatabase struct {
	// postgresVersion is the major version.
	// +optional
	// +kubebuilder:validation:Minimum=1
	PostgresVersion int32 `json:"postgresVersion,omitempty"`
	// replicas is the number of instances.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Replicas int32 `json:"replicas,omitempty"`
	// size of each instance's volume.
	// +optional
	Size resource.Quantity `json:"size,omitzero"`
	// retentionFull is the number of full backups that are kept.
	// +optional
	// +kubebuilder:validation:Minimum=1
	RetentionFull int32 `json:"retentionFull,omitempty"`
	// fullSchedule in cron format.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	FullSchedule string `json:"fullSchedule,omitempty"`
	// incrementalSchedule in cron format.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	IncrementalSchedule string `json:"incrementalSchedule,omitempty"`
}

// MigrationStatus is a migration that finished.
type MigrationStatus struct {
	// job is the name of the Job, a hash of service, phase and image.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Job string `json:"job,omitempty"`
	// versions is what the migration reported, such as 0 -> 3.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Versions string `json:"versions,omitempty"`
	// contract is the contract migration that the schema had then, 0 for none; absent if the
	// image did not report it, as those of services up to v0.1.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Contract *int64 `json:"contract,omitempty"`
}
