package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/bench/measure"
)

const (
	small, large = 10, 100
	// workers of the operator (its flag --max-concurrent-reconciles) and of the bare client.
	workers = 10
	// resting is how long the operator is watched doing nothing.
	resting = time.Minute
	// profiling is how long the processor's use is profiled.
	profiling = 15 * time.Second
	// settling is how long the operator gets to stop by itself before that.
	settling = 2 * time.Minute
)

type options struct {
	rounds, drifts int
	profiles       string
}

// creation is what it took to make platforms Ready.
type creation struct {
	platforms int
	took      time.Duration
	requests  []request
	processor time.Duration // of the operator
}

func (c creation) each() time.Duration { return c.took / time.Duration(c.platforms) }

// figures of one run of the benchmark.
type figures struct {
	// by the number of platforms; waiting is the bare client with faked controllers, bare the one without.
	operator, waiting, bare map[int][]creation
	atRest                  []request
	now, highest            float64 // MiB
	repairs                 []time.Duration
}

func newFigures() figures {
	return figures{operator: map[int][]creation{}, waiting: map[int][]creation{}, bare: map[int][]creation{}}
}

func bench(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "bench-operator-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &runner{options: o, dir: dir, figures: newFigures()}
	if err := b.build(ctx); err != nil {
		return err
	}
	for round := range o.rounds {
		for _, n := range []int{small, large} {
			if err := b.round(ctx, n, round == o.rounds-1 && n == large); err != nil {
				return err
			}
		}
	}
	measure.Finish()
	report(os.Stdout, b.figures)
	return nil
}

// runner makes the measurements one after the other.
type runner struct {
	options
	dir     string
	program string
	status  statusTemplate
	figures
}

// build compiles the operator, and Kubernetes if the cache lacks it.
func (b *runner) build(ctx context.Context) error {
	measure.Step("building the operator")
	w, err := newWorld(ctx, false)
	if err != nil {
		return err
	}
	defer w.close()
	b.program, err = buildOperator(ctx, w.root, b.dir)
	return err
}

// round measures operator and bare client, each on a control plane of its own.
// The last one goes on with what is measured at rest.
func (b *runner) round(ctx context.Context, n int, last bool) error {
	measure.Step("operator, %d platforms", n)
	if err := b.measureOperator(ctx, n, last); err != nil {
		return fmt.Errorf("operator, %d platforms: %w", n, err)
	}
	for _, waits := range []bool{true, false} {
		into, how := b.waiting, "with faked controllers"
		if !waits {
			into, how = b.bare, "without"
		}
		measure.Step("bare client %s, %d platforms", how, n)
		measured, err := b.measureBare(ctx, n, waits)
		if err != nil {
			return fmt.Errorf("bare client %s, %d platforms: %w", how, n, err)
		}
		into[n] = append(into[n], measured)
	}
	return nil
}

func (b *runner) measureOperator(ctx context.Context, n int, last bool) error {
	w, err := newWorld(ctx, true)
	if err != nil {
		return err
	}
	defer w.close()
	o, err := startOperator(ctx, w, b.program, workers, b.dir)
	if err != nil {
		return err
	}
	defer o.Stop(5 * time.Second)
	warm, platforms, err := w.prepare(ctx, n)
	if err != nil {
		return err
	}
	if _, err := w.createAndAwait(ctx, warm, nil); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	before, err := measure.Processor(o.PID())
	if err != nil {
		return err
	}
	profiled := b.profile(ctx, o, last, fmt.Sprintf("profile?seconds=%.0f", profiling.Seconds()), "processor.pprof")
	start := time.Now()
	took, err := w.createAndAwait(ctx, platforms, nil)
	if err != nil {
		return err
	}
	if err := <-profiled; err != nil {
		return err
	}
	after, err := measure.Processor(o.PID())
	if err != nil {
		return err
	}
	sent, err := requests(w.cp.AuditLog, operatorName+"/", start, start.Add(took))
	if err != nil {
		return err
	}
	b.operator[n] = append(b.operator[n], creation{n, took, sent, after - before})
	if err := b.keepStatus(ctx, w, platforms[0]); err != nil || !last {
		return err
	}
	return b.measureRest(ctx, w, o, platforms)
}

// profile keeps a profile, if they are asked for and this is the measurement to profile.
func (b *runner) profile(ctx context.Context, o *operator, last bool, which, name string) <-chan error {
	done := make(chan error, 1)
	if b.profiles == "" || !last {
		done <- nil
		return done
	}
	go func() { done <- o.profile(ctx, which, filepath.Join(b.profiles, name)) }()
	return done
}

func (b *runner) keepStatus(ctx context.Context, w *world, p *v1alpha1.BlogPlatform) error {
	live := &v1alpha1.BlogPlatform{}
	if err := w.client.Get(ctx, client.ObjectKeyFromObject(p), live); err != nil {
		return err
	}
	text, err := json.Marshal(live.Status)
	b.status = statusTemplate{json: string(text), namespace: p.Namespace}
	return err
}

func (b *runner) measureBare(ctx context.Context, n int, waits bool) (creation, error) {
	w, err := newWorld(ctx, waits)
	if err != nil {
		return creation{}, err
	}
	defer w.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := newBare(ctx, w, workers, b.status, waits)
	if err != nil {
		return creation{}, err
	}
	warm, platforms, err := w.prepare(ctx, n)
	if err != nil {
		return creation{}, err
	}
	if _, err := w.createAndAwait(ctx, warm, client.run); err != nil {
		return creation{}, fmt.Errorf("warming up: %w", err)
	}
	start := time.Now()
	took, err := w.createAndAwait(ctx, platforms, client.run)
	if err != nil {
		return creation{}, err
	}
	sent, err := requests(w.cp.AuditLog, bareAgent, start, start.Add(took))
	return creation{platforms: n, took: took, requests: sent}, err
}

// measureRest measures what needs platforms that are Ready.
func (b *runner) measureRest(ctx context.Context, w *world, o *operator, platforms []*v1alpha1.BlogPlatform) (err error) {
	if err := b.settle(ctx, w); err != nil {
		return err
	}
	measure.Step("operator, %d platforms at rest for %.0f s", len(platforms), resting.Seconds())
	since := time.Now()
	if err := pass(ctx, resting); err != nil {
		return err
	}
	if b.atRest, err = requests(w.cp.AuditLog, operatorName+"/", since, time.Now()); err != nil {
		return err
	}
	if b.now, b.highest, err = measure.Memory(o.PID()); err != nil {
		return err
	}
	if err := <-b.profile(ctx, o, true, "heap", "heap.pprof"); err != nil {
		return err
	}
	measure.Step("operator, %d platforms, drift", len(platforms))
	b.repairs, err = measureDrift(ctx, w, platforms, b.drifts)
	return err
}

// settle waits until the operator has sent nothing for some seconds. One that
// never stops is measured as it is.
func (b *runner) settle(ctx context.Context, w *world) error {
	const quiet = 5 * time.Second
	for end := time.Now().Add(settling); time.Now().Before(end); {
		since := time.Now()
		if err := pass(ctx, quiet); err != nil {
			return err
		}
		if sent, err := requests(w.cp.AuditLog, operatorName+"/", since, time.Now()); err != nil || len(sent) == 0 {
			return err
		}
	}
	return nil
}

func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// median of the rounds.
func median(rounds []creation) creation {
	sorted := slices.Clone(rounds)
	slices.SortFunc(sorted, func(a, b creation) int { return int(a.took - b.took) })
	return sorted[len(sorted)/2]
}
