package plan

import (
	"fmt"
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// values are the choices in effect: what the spec says and, where it says
// nothing, what the environment picks.
type values struct {
	gateway   gatewayValues
	database  databaseValues
	workloads map[naming.Service]workloadValues
	// steps of a rollout; none moves all traffic at once.
	steps    []v1alpha1.RolloutStep
	analysis v1alpha1.EffectiveAnalysis
	// progressDeadline is for how many seconds a release may make no progress.
	progressDeadline int32
	// migrationDeadline is for how many seconds a migration may run, all attempts together.
	migrationDeadline int32
	effective         v1alpha1.EffectiveStatus
}

// DefaultGateway is the namespace, the Service and the ServiceAccount of the
// ingress gateway where the spec names no other.
const DefaultGateway = "istio-ingress"

// defaultHops is what the frontend takes for granted: the gateway is the only proxy.
const defaultHops = 1

// gatewayValues is the ingress gateway that serves the hosts.
type gatewayValues struct {
	namespace, service, serviceAccount string
	selector                           map[string]string
	httpsPort, trustedHops             int32
}

// databaseValues is the size of PostgreSQL and when it is copied.
type databaseValues struct {
	postgresVersion, replicas  int32
	resources                  corev1.ResourceRequirements
	size, backupSize           resource.Quantity
	class, backupClass         *string
	fullSchedule, incrSchedule string
	retentionFull              int32
	parameters                 map[string]string
}

// workloadValues is the size of one service.
type workloadValues struct {
	// replicas is the number of pods or, with autoscaling, the least.
	replicas    int32
	autoscaling *v1alpha1.Autoscaling
	resources   corev1.ResourceRequirements
}

// choices are the defaults of one environment.
type choices struct {
	serviceReplicas, databaseReplicas, retentionFull int32
	minRequests, durationSeconds                     int32
	storage                                          string
	steps                                            []v1alpha1.RolloutStep
}

func choicesOf(environment v1alpha1.Environment) choices {
	if environment == v1alpha1.Production {
		c := choices{serviceReplicas: 2, databaseReplicas: 2, retentionFull: 4, storage: "20Gi", minRequests: 50, durationSeconds: 60}
		for _, weight := range []int32{5, 20, 50} {
			c.steps = append(c.steps, v1alpha1.RolloutStep{Weight: &weight}, v1alpha1.RolloutStep{Analysis: &v1alpha1.AnalysisStep{}})
		}
		return c
	}
	return choices{serviceReplicas: 1, databaseReplicas: 1, retentionFull: 2, storage: "1Gi", minRequests: 20, durationSeconds: 30}
}

func valuesOf(platform *v1alpha1.BlogPlatform) values {
	spec, choice := &platform.Spec, choicesOf(platform.Spec.Environment)
	v := values{
		gateway:   gatewayOf(spec.Gateway),
		workloads: map[naming.Service]workloadValues{},
		steps:     choice.steps,
		analysis:  analysisOf(spec.Rollout.Analysis, choice),

		progressDeadline:  valueOr(spec.Rollout.ProgressDeadlineSeconds, 300),
		migrationDeadline: valueOr(spec.Rollout.MigrationDeadlineSeconds, 900),
	}
	if len(spec.Rollout.Steps) > 0 {
		v.steps = spec.Rollout.Steps
	}
	for _, service := range naming.Services {
		v.workloads[service] = workloadOf(serviceSpec(spec.Services, service), choice)
	}
	v.database = databaseOf(spec.Database, choice)
	v.database.parameters = parametersOf(spec.Database, v.workloads)
	v.effective = v.report(spec)
	return v
}

func gatewayOf(spec v1alpha1.Gateway) gatewayValues {
	g := gatewayValues{
		namespace: or(spec.Namespace, DefaultGateway), service: or(spec.Service, DefaultGateway), serviceAccount: or(spec.ServiceAccount, DefaultGateway),
		selector: spec.Selector, httpsPort: valueOr(spec.HTTPSPort, 443), trustedHops: valueOr(spec.TrustedHops, defaultHops),
	}
	if len(g.selector) == 0 {
		g.selector = map[string]string{"istio": "ingressgateway"}
	}
	return g
}

func databaseOf(spec v1alpha1.Database, choice choices) databaseValues {
	size := valueOr(spec.Storage.Size, resource.MustParse(choice.storage))
	return databaseValues{
		postgresVersion: valueOr(spec.PostgresVersion, 17),
		replicas:        valueOr(spec.Replicas, choice.databaseReplicas),
		resources:       valueOr(spec.Resources, requirements("100m", "256Mi", "1Gi")),
		size:            size,
		class:           spec.Storage.StorageClassName,
		backupSize:      valueOr(spec.Backups.Storage.Size, size),
		backupClass:     spec.Backups.Storage.StorageClassName,
		fullSchedule:    valueOr(spec.Backups.Schedule.Full, "0 1 * * 0"),
		incrSchedule:    valueOr(spec.Backups.Schedule.Incremental, "0 1 * * 1-6"),
		retentionFull:   valueOr(spec.Backups.RetentionFull, choice.retentionFull),
	}
}

const (
	// poolSize is how many connections a pod of a data service keeps at most.
	poolSize = 8
	// otherConnections are those of migrations, backups, Patroni and people, and
	// what PostgreSQL reserves for superusers.
	otherConnections = 20
)

// parametersOf are PostgreSQL's settings: what the spec says, and room for all
// pods that can run, of two releases side by side. That grows by doubling from
// PostgreSQL's own default, because to change it PostgreSQL restarts.
func parametersOf(spec v1alpha1.Database, workloads map[naming.Service]workloadValues) map[string]string {
	needed := int32(otherConnections)
	for _, service := range naming.DataServices {
		needed += 2 * workloads[service].most() * poolSize
	}
	connections := int32(100)
	for connections < needed {
		connections *= 2
	}
	parameters := map[string]string{"max_connections": strconv.Itoa(int(connections))}
	maps.Copy(parameters, spec.Parameters)
	return parameters
}

// most is the greatest number of pods of one release.
func (w workloadValues) most() int32 {
	if w.autoscaling != nil {
		return w.autoscaling.Max
	}
	return w.replicas
}

func workloadOf(spec v1alpha1.Service, choice choices) workloadValues {
	w := workloadValues{
		replicas:    valueOr(spec.Replicas, choice.serviceReplicas),
		autoscaling: spec.Autoscaling,
		resources:   valueOr(spec.Resources, requirements("50m", "64Mi", "256Mi")),
	}
	if w.autoscaling != nil {
		w.replicas = w.autoscaling.Min
	}
	return w
}

func analysisOf(spec v1alpha1.Analysis, choice choices) v1alpha1.EffectiveAnalysis {
	return v1alpha1.EffectiveAnalysis{
		Prometheus:         spec.Prometheus,
		MinSuccessPercent:  valueOr(spec.MinSuccessPercent, 99),
		MaxP99Milliseconds: valueOr(spec.MaxP99Milliseconds, 500),
		MinRequests:        valueOr(spec.MinRequests, choice.minRequests),
		DurationSeconds:    valueOr(spec.DurationSeconds, choice.durationSeconds),
	}
}

// Autoscaled tells whether the number of pods of a service follows its load.
func Autoscaled(platform *v1alpha1.BlogPlatform, service naming.Service) bool {
	return serviceSpec(platform.Spec.Services, service).Autoscaling != nil
}

func serviceSpec(services v1alpha1.Services, service naming.Service) v1alpha1.Service {
	switch service {
	case naming.Frontend:
		return services.Frontend
	case naming.User:
		return services.User
	case naming.Content:
		return services.Content
	default:
		return services.Comment
	}
}

// requirements leave the processor without a limit: a service that may not use
// an idle one only answers later.
func requirements(cpu, memory, memoryLimit string) corev1.ResourceRequirements {
	r := requests(cpu, memory)
	r.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memoryLimit)}
	return r
}

func requests(cpu, memory string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)},
	}
}

func (v values) report(spec *v1alpha1.BlogPlatformSpec) v1alpha1.EffectiveStatus {
	replicas := map[string]int32{}
	for service, workload := range v.workloads {
		replicas[string(service)] = workload.replicas
	}
	var steps []string
	for _, step := range v.steps {
		steps = append(steps, describeStep(step))
	}
	return v1alpha1.EffectiveStatus{
		Replicas: replicas,
		Database: v1alpha1.EffectiveDatabase{
			PostgresVersion: v.database.postgresVersion, Replicas: v.database.replicas, Size: v.database.size, RetentionFull: v.database.retentionFull,
			FullSchedule: v.database.fullSchedule, IncrementalSchedule: v.database.incrSchedule,
		},
		Analysis:       v.analysis,
		Steps:          steps,
		DeletionPolicy: or(spec.DeletionPolicy, v1alpha1.Retain),
	}
}

func describeStep(step v1alpha1.RolloutStep) string {
	switch {
	case step.Weight != nil:
		return fmt.Sprintf("weight %d", *step.Weight)
	case step.Analysis != nil:
		return "analysis"
	}
	return fmt.Sprintf("pause %ds", valueOr(step.PauseSeconds, 0))
}

// or answers value, or fallback where value is empty.
func or[T ~string](value, fallback T) T {
	if value == "" {
		return fallback
	}
	return value
}

func valueOr[T any](value *T, fallback T) T {
	if value == nil {
		return fallback
	}
	return *value
}
