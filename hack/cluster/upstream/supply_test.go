package upstream

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/build"
)

// supply is one with everything of a release locked for amd64.
func supply(t *testing.T, origin Origin) Supply {
	t.Helper()
	r := release(t)
	if err := r.client.Relock(t.Context(), r.root, func(string) {}); err != nil {
		t.Fatal(err)
	}
	_, lock := r.lock(t)
	lock.Components = append(lock.Components, Component{Name: "cert-manager", Compiled: "ours is smaller"})
	return Supply{Lock: lock, Arch: "amd64", Origin: origin, Client: r.client}
}

func compiledPrograms(context.Context) (map[string]string, error) {
	return map[string]string{"etcd": "/compiled/etcd"}, nil
}

func compiledImages(context.Context) ([]build.BuiltImage, error) {
	return []build.BuiltImage{{Archive: "/compiled/image.tar"}}, nil
}

func mustNotCompile[T any](t *testing.T) func(context.Context) (T, error) {
	return func(context.Context) (none T, err error) {
		t.Error("it is compiled")
		return none, nil
	}
}

func TestAComponentGetsItsProgramsByName(t *testing.T) {
	programs, err := supply(t, Upstream).Programs(t.Context(), testCache(t), "etcd", mustNotCompile[map[string]string](t))
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(programs)); !slices.Equal(got, []string{"etcd", "kubectl"}) {
		t.Errorf("it gets %q", got)
	}
	if content, err := os.ReadFile(programs["kubectl"]); string(content) != "kubectl for amd64" {
		t.Errorf("kubectl is %q, %v", content, err)
	}
}

func TestAComponentGetsItsImagesUnderOurNames(t *testing.T) {
	images, err := supply(t, Upstream).Images(t.Context(), testCache(t), "istio", mustNotCompile[[]build.BuiltImage](t))
	if err != nil || len(images) != 1 || images[0].Tagged != "blogplatform.local/pilot:dev" {
		t.Errorf("it gets %v, %v", images, err)
	}
}

func TestWhatIsNotTakenFromUpstreamIsCompiled(t *testing.T) {
	for name, test := range map[string]struct {
		origin           Origin
		programs, images string
	}{
		"from source":                       {Source, "etcd", "istio"},
		"without a decision":                {"", "etcd", "istio"},
		"a component that has no release":   {Upstream, "cert-manager", "cert-manager"},
		"what else a component consists of": {Upstream, "istio", "etcd"},
	} {
		t.Run(name, func(t *testing.T) {
			s := supply(t, test.origin)
			programs, err := s.Programs(t.Context(), testCache(t), test.programs, compiledPrograms)
			if diff := cmp.Diff(map[string]string{"etcd": "/compiled/etcd"}, programs); diff != "" || err != nil {
				t.Errorf("programs: %v\n%s", err, diff)
			}
			images, err := s.Images(t.Context(), testCache(t), test.images, compiledImages)
			if len(images) != 1 || images[0].Archive != "/compiled/image.tar" || err != nil {
				t.Errorf("images: %v, %v", images, err)
			}
		})
	}
}

func TestAComponentThatTheLockDoesNotKnowIsAMistake(t *testing.T) {
	s := supply(t, Source)
	_, errPrograms := s.Programs(t.Context(), testCache(t), "linkerd", compiledPrograms)
	_, errImages := s.Images(t.Context(), testCache(t), "linkerd", compiledImages)
	for _, err := range []error{errPrograms, errImages} {
		if err == nil || !strings.Contains(err.Error(), "no component linkerd") {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestAFailedDownloadNamesTheWayAroundAndIsNotCompiledSecretly(t *testing.T) {
	s := supply(t, Upstream)
	failure := errors.New("connection reset")
	_, err := takeAll(t.Context(), s.Lock.Artifacts("amd64"), func(ctx context.Context, a Artifact) (string, error) {
		if a.Name == "kubectl" {
			return "", failure
		}
		<-ctx.Done() // the failure ends the others
		return "", ctx.Err()
	})
	if !errors.Is(err, failure) || !strings.Contains(err.Error(), "CLUSTER_FROM=source") {
		t.Errorf("the error is %v", err)
	}
	s.Arch = "riscv64"
	if _, err := s.Programs(t.Context(), testCache(t), "etcd", mustNotCompile[map[string]string](t)); err == nil || !strings.Contains(err.Error(), "not in the lock") {
		t.Errorf("the error is %v", err)
	}
}
