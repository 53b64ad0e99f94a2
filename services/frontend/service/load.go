package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/server"
)

const (
	// loadWait is how long the first answer of the template may take: the mesh
	// has to hear of its pods.
	loadWait = time.Minute
	// loadTimeout is how long one answer may take.
	loadTimeout = 5 * time.Second
	// loadRetry is how soon the template is asked again until it answers.
	loadRetry = 500 * time.Millisecond
)

// sample is a load and what is expected of the answers.
type sample struct {
	// url is asked for, and template must answer; an empty template is any.
	url, template string
	// requests are spread evenly over duration.
	requests int
	duration time.Duration
	// minSuccess is the least share of answers below 500, in percent.
	minSuccess float64
	// maxP99 bounds the 99th percentile of the time to a good answer, as seen here; 0 does not.
	maxP99 time.Duration
}

// load sends an even load to the pods of one template and judges the answers.
// It is what gives an idle canary something to be judged by. What it found is
// printed, and, where that is not good enough, becomes the termination message.
func load(ctx context.Context, _ command.Identity, args []string) error {
	var s sample
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.StringVar(&s.url, "url", "", "what to ask for, such as http://blog-content:8080/v1/posts")
	flags.StringVar(&s.template, "template", "", "hash of the pod template that must answer; any if empty")
	flags.IntVar(&s.requests, "requests", 50, "number of requests")
	flags.DurationVar(&s.duration, "duration", time.Minute, "time over which they are spread")
	flags.Float64Var(&s.minSuccess, "min-success-percent", 99, "least share of answers below 500")
	flags.DurationVar(&s.maxP99, "max-p99", 0, "most that the 99th percentile of the latency may be; not judged if 0")
	if err := command.ParseFlags(flags, args); err != nil {
		return err
	}
	target, err := url.Parse(s.url)
	if err != nil || target.Scheme != "http" || target.Host == "" || s.requests < 1 || s.duration <= 0 {
		return fmt.Errorf("%w of load: write --url http://…, and --requests and --duration greater than zero", command.ErrUsage)
	}
	return s.run(ctx, os.Stdout)
}

func (s sample) run(ctx context.Context, out io.Writer) error {
	if err := s.awaitTemplate(ctx); err != nil {
		return err
	}
	answers := s.send(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("load on %s was ended before its time: %w", s.url, ctx.Err())
	}
	fmt.Fprintln(out, answers.String())
	return answers.judge(s)
}

// awaitTemplate asks until the template's pods answer without an error.
func (s sample) awaitTemplate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loadWait)
	defer cancel()
	for {
		answer := s.ask(ctx)
		if answer.err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("pod template %q did not answer for %s: %w", s.template, s.url, answer.err)
		case <-time.After(loadRetry):
		}
	}
}

// send starts the requests at their times, whatever became of those before:
// a service that is slow must not get fewer.
func (s sample) send(ctx context.Context) answers {
	all := make(answers, s.requests)
	ticker := time.NewTicker(s.duration / time.Duration(s.requests))
	defer ticker.Stop()
	var inFlight sync.WaitGroup
	defer inFlight.Wait()
	for i := range all {
		inFlight.Go(func() { all[i] = s.ask(ctx) })
		select {
		case <-ctx.Done():
			return all
		case <-ticker.C:
		}
	}
	return all
}

// answer is how long one took, or why there was none.
type answer struct {
	took time.Duration
	err  error
}

func (s sample) ask(ctx context.Context) answer {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	start := time.Now()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return answer{err: err}
	}
	if s.template != "" {
		r.Header.Set(server.TemplateHeader, s.template)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusMisdirectedRequest) {
		err = fmt.Errorf("%s answered %d: %.200s", s.url, resp.StatusCode, strings.TrimSpace(string(body)))
	}
	return answer{took: time.Since(start), err: err}
}

type answers []answer

func (a answers) failed() int {
	failed := 0
	for _, answer := range a {
		if answer.err != nil {
			failed++
		}
	}
	return failed
}

func (a answers) success() float64 { return 100 * float64(len(a)-a.failed()) / float64(len(a)) }

// p99 is the 99th percentile of the time to a good answer, or 0 without one.
func (a answers) p99() time.Duration {
	var took []time.Duration
	for _, answer := range a {
		if answer.err == nil {
			took = append(took, answer.took)
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[(len(took)*99+99)/100-1]
}

// String says in one line how they were.
func (a answers) String() string {
	return fmt.Sprintf("%d requests, %.1f%% good, p99 %s", len(a), a.success(), a.p99().Round(time.Millisecond))
}

func (a answers) judge(s sample) error {
	var reasons []error
	if a.success() < s.minSuccess {
		reasons = append(reasons, fmt.Errorf("%d of %d requests for %s failed: at least %g%% must be good, and %.1f%% were; the first failure was: %w",
			a.failed(), len(a), s.url, s.minSuccess, a.success(), a.firstFailure()))
	}
	if p99 := a.p99(); s.maxP99 > 0 && p99 > s.maxP99 {
		reasons = append(reasons, fmt.Errorf("%s: p99 must be at most %s", a, s.maxP99))
	}
	return errors.Join(reasons...)
}

func (a answers) firstFailure() error {
	for _, answer := range a {
		if answer.err != nil {
			return answer.err
		}
	}
	return nil
}
