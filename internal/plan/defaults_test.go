package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"

	"blogplatform.io/operator/api/v1alpha1"
)

func TestTheEnvironmentPicksWhatTheSpecLeavesOpen(t *testing.T) {
	cases := map[v1alpha1.Environment]v1alpha1.EffectiveStatus{
		v1alpha1.Staging: {
			Replicas: map[string]int32{"frontend": 1, "user": 1, "content": 1, "comment": 1},
			Database: v1alpha1.EffectiveDatabase{
				PostgresVersion: 17, Replicas: 1, Size: resource.MustParse("1Gi"), RetentionFull: 2,
				FullSchedule: "0 1 * * 0", IncrementalSchedule: "0 1 * * 1-6",
			},
			Analysis:       v1alpha1.EffectiveAnalysis{MinSuccessPercent: 99, MaxP99Milliseconds: 500, MinRequests: 20, DurationSeconds: 30},
			DeletionPolicy: v1alpha1.Retain,
		},
		v1alpha1.Production: {
			Replicas: map[string]int32{"frontend": 2, "user": 2, "content": 2, "comment": 2},
			Database: v1alpha1.EffectiveDatabase{
				PostgresVersion: 17, Replicas: 2, Size: resource.MustParse("20Gi"), RetentionFull: 4,
				FullSchedule: "0 1 * * 0", IncrementalSchedule: "0 1 * * 1-6",
			},
			Analysis:       v1alpha1.EffectiveAnalysis{MinSuccessPercent: 99, MaxP99Milliseconds: 500, MinRequests: 50, DurationSeconds: 60},
			Steps:          []string{"weight 5", "analysis", "weight 20", "analysis", "weight 50", "analysis"},
			DeletionPolicy: v1alpha1.Retain,
		},
	}
	for environment, want := range cases {
		platform := &v1alpha1.BlogPlatform{Spec: v1alpha1.BlogPlatformSpec{Environment: environment}}
		if diff := cmp.Diff(want, valuesOf(platform).effective); diff != "" {
			t.Errorf("%s: %s", environment, diff)
		}
	}
}

func TestWhatTheSpecSaysIsInEffect(t *testing.T) {
	v := valuesOf(stories(t)["everything"].Platform)
	want := v1alpha1.EffectiveStatus{
		Replicas: map[string]int32{"frontend": 4, "user": 1, "content": 3, "comment": 3},
		Database: v1alpha1.EffectiveDatabase{
			PostgresVersion: 16, Replicas: 3, Size: resource.MustParse("50Gi"), RetentionFull: 8,
			FullSchedule: "30 2 * * 6", IncrementalSchedule: "30 2 * * 0-5",
		},
		Analysis: v1alpha1.EffectiveAnalysis{
			Prometheus: "https://prometheus.example.com/tenant", MinSuccessPercent: 98, MaxP99Milliseconds: 750, MinRequests: 100, DurationSeconds: 120,
		},
		Steps:          []string{"weight 5", "pause 60s", "weight 25", "analysis", "weight 100"},
		DeletionPolicy: v1alpha1.Delete,
	}
	if diff := cmp.Diff(want, v.effective); diff != "" {
		t.Error(diff)
	}
	gateway := gatewayValues{
		namespace: "ingress", service: "public-gateway", serviceAccount: "public-gateway",
		selector: map[string]string{"istio": "public"}, httpsPort: 8443, trustedHops: 2,
	}
	if diff := cmp.Diff(gateway, v.gateway, cmp.AllowUnexported(gatewayValues{})); diff != "" {
		t.Error(diff)
	}
}

func TestTheRepositoryIsAsLargeAsTheDatabaseUnlessTheSpecSaysOtherwise(t *testing.T) {
	size := resource.MustParse("7Gi")
	platform := &v1alpha1.BlogPlatform{}
	platform.Spec.Database.Storage.Size = &size
	if got := valuesOf(platform).database.backupSize; got.Cmp(size) != 0 {
		t.Errorf("got %s, want %s", got.String(), size.String())
	}
	other := resource.MustParse("9Gi")
	platform.Spec.Database.Backups.Storage.Size = &other
	if got := valuesOf(platform).database.backupSize; got.Cmp(other) != 0 {
		t.Errorf("got %s, want %s", got.String(), other.String())
	}
}

func TestTheDatabaseHasRoomForAllPodsOfTwoReleases(t *testing.T) {
	many := &v1alpha1.Autoscaling{Min: 2, Max: 10}
	for name, test := range map[string]struct {
		want string
		spec v1alpha1.BlogPlatformSpec
	}{
		"staging":     {"100", v1alpha1.BlogPlatformSpec{Environment: v1alpha1.Staging}},
		"production":  {"200", v1alpha1.BlogPlatformSpec{Environment: v1alpha1.Production}},
		"autoscaling": {"400", v1alpha1.BlogPlatformSpec{Environment: v1alpha1.Production, Services: v1alpha1.Services{Content: v1alpha1.Service{Autoscaling: many}}}},
		"the frontend asks no database": {"200", v1alpha1.BlogPlatformSpec{
			Environment: v1alpha1.Production, Services: v1alpha1.Services{Frontend: v1alpha1.Service{Autoscaling: many}},
		}},
		"whoever knows better": {"150", v1alpha1.BlogPlatformSpec{
			Environment: v1alpha1.Production, Database: v1alpha1.Database{Parameters: map[string]string{"max_connections": "150"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := valuesOf(&v1alpha1.BlogPlatform{Spec: test.spec}).database.parameters["max_connections"]; got != test.want {
				t.Errorf("max_connections is %s, want %s", got, test.want)
			}
		})
	}
}
