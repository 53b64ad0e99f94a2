package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"blogplatform.io/operator/test/bench/measure"
)

const (
	// starts is how often each service is started.
	starts = 5
	// resting is how long the services do nothing before their memory is read.
	resting = 5 * time.Second
	// each is how long one closed loop lasts, warming how long what is not measured.
	each    = 2 * time.Second
	warming = time.Second
	// pacing is how long an open loop lasts.
	pacing = 8 * time.Second
)

// gcPercent keeps the load's own garbage off the processors that are measured.
const gcPercent = 800

type options struct {
	rounds int
	lists  bool
}

// side is what a load came to, and the processor time of those who served it.
type side struct {
	served
	processor time.Duration
}

func (s side) cost() time.Duration { return s.processor / time.Duration(max(1, s.requests)) }

// figures of one run of the benchmark.
type figures struct {
	ready map[string][]time.Duration
	// images, idle and loaded are MiB, by service.
	images, idle, loaded map[string]float64
	// The rounds: the cached page and the bare handler, the uncached page, the bare
	// chain and the single handler.
	cached, page, uncached, chain, query []side
	// Answers at half the highest rate of the page, from when they were due.
	cachedPaced, pagePaced, uncachedPaced, chainPaced []time.Duration
	lists                                             []growth
}

func bench(ctx context.Context, o options) error {
	debug.SetGCPercent(gcPercent)
	w := &world{}
	defer w.close()
	measure.Step("building, and PostgreSQL with %d posts", copies)
	if err := newWorld(ctx, w); err != nil {
		return err
	}
	b := &runner{options: o, world: w, next: map[string]int64{}, figures: figures{
		ready: map[string][]time.Duration{}, images: w.images, idle: map[string]float64{}, loaded: map[string]float64{},
	}}
	for _, part := range []func(context.Context) error{b.measureStarts, b.measureIdle, b.measureCached, b.measureUncached, b.measureLoaded, b.measureLists} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	measure.Finish()
	return report(os.Stdout, b.figures)
}

// runner makes the measurements one after the other.
type runner struct {
	options
	*world
	figures
	bare bareConfig
	// next is the number of the request that an address gets next: so each is asked
	// for all copies in turn, whoever was asked meanwhile.
	next map[string]int64
}

func (b *runner) measureStarts(ctx context.Context) error {
	measure.Step("starting each service %d times", starts)
	for _, service := range services {
		for i := range starts {
			took, err := b.startService(ctx, service)
			if err != nil {
				return err
			}
			b.ready[service] = append(b.ready[service], took)
			if i < starts-1 {
				b.processes[service].stop()
			}
		}
	}
	return nil
}

func (b *runner) measureIdle(ctx context.Context) error {
	measure.Step("services at rest for %.0f s", resting.Seconds())
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(resting):
	}
	for _, service := range services {
		now, _, err := measure.Memory(b.processes[service].pid())
		if err != nil {
			return err
		}
		b.idle[service] = now
	}
	var err error
	b.bare, err = b.startBare(ctx)
	return err
}

// round loads each of the targets in turn. The first turn warms up.
func (b *runner) round(ctx context.Context, turns ...turn) error {
	for i := range b.rounds + 1 {
		during := each
		if i == 0 {
			during = warming
		}
		for _, t := range turns {
			measured, err := b.load(ctx, t, during)
			if err != nil {
				return fmt.Errorf("%s: %w", t.by[0], err)
			}
			if i > 0 {
				*t.into = append(*t.into, measured)
			}
		}
		measure.Progress("%d of %d rounds", i, b.rounds)
	}
	return agree(turns)
}

// turn is one that is loaded.
type turn struct {
	target
	// by are the processes that serve it.
	by   []string
	into *[]side
}

func (b *runner) load(ctx context.Context, t turn, during time.Duration) (side, error) {
	before, err := b.processor(t.by)
	if err != nil {
		return side{}, err
	}
	s, err := closedLoop(ctx, t.target, b.next[t.address], during)
	if err != nil {
		return side{}, err
	}
	b.next[t.address] += s.requests
	after, err := b.processor(t.by)
	return side{s, after - before}, err
}

func (b *runner) processor(names []string) (time.Duration, error) {
	var sum time.Duration
	for _, name := range names {
		used, err := measure.Processor(b.processes[name].pid())
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// agree makes sure that all wrote as many bytes a page: numbers in slugs differ
// in length.
func agree(turns []turn) error {
	perPage := func(t turn) float64 {
		last := (*t.into)[len(*t.into)-1]
		return float64(last.bytes) / float64(last.requests)
	}
	for _, t := range turns[1:] {
		if ratio := perPage(t) / perPage(turns[0]); ratio < 0.99 || ratio > 1.01 {
			return fmt.Errorf("%v writes %.0f bytes a page, %v %.0f", t.by, perPage(t), turns[0].by, perPage(turns[0]))
		}
	}
	return nil
}

func (b *runner) measureCached(ctx context.Context) error {
	measure.Step("a page that is kept, and a bare handler, %d rounds", b.rounds)
	path := pathOfCopy(copies / 2)
	always := func(int64) string { return path }
	page, bare := target{b.app["frontend"], always}, target{b.bare.Addresses[barePage], always}
	err := b.round(ctx, turn{page, []string{"frontend"}, &b.cached}, turn{bare, []string{"bare " + barePage}, &b.page})
	if err != nil {
		return err
	}
	return b.pace(ctx, median(b.cached, side.perSecond)/2, paced{page, &b.cachedPaced}, paced{bare, &b.pagePaced})
}

// paced is asked at a rate, whatever it answers.
type paced struct {
	target
	into *[]time.Duration
}

// pace shows by the bare ones what is the machine's share of waiting. It is the
// last that is asked of an address.
func (b *runner) pace(ctx context.Context, rate float64, all ...paced) error {
	measure.Step("both at %.0f requests a second, whatever they answer", rate)
	for _, p := range all {
		var err error
		if *p.into, err = openLoop(ctx, p.target, b.next[p.address], rate, warming, pacing); err != nil {
			return err
		}
	}
	return nil
}

func (b *runner) measureUncached(ctx context.Context) error {
	measure.Step("pages that are not kept, and bare processes, %d rounds", b.rounds)
	asked, err := b.postsAsked(ctx)
	if err != nil {
		return err
	}
	page, chain := target{b.app["frontend"], pathOfCopy}, target{b.bare.Addresses[bareFrontend], pathOfCopy}
	err = b.round(ctx,
		turn{page, []string{"frontend", "content", "comment"}, &b.uncached},
		turn{chain, []string{"bare " + bareFrontend, "bare " + bareContent, "bare " + bareComment}, &b.chain},
		turn{target{b.bare.Addresses[bareQuery], pathOfCopy}, []string{"bare " + bareQuery}, &b.query})
	if err != nil {
		return err
	}
	if err := b.pace(ctx, median(b.uncached, side.perSecond)/2, paced{page, &b.uncachedPaced}, paced{chain, &b.chainPaced}); err != nil {
		return err
	}
	return b.wereNotKept(ctx, asked)
}

// wereNotKept makes sure that the frontend asked for each post.
func (b *runner) wereNotKept(ctx context.Context, before int64) error {
	after, err := b.postsAsked(ctx)
	if err != nil {
		return err
	}
	pages := int64(len(b.uncachedPaced))
	for _, round := range b.uncached {
		pages += round.requests
	}
	if asked := after - before; asked < pages {
		return fmt.Errorf("the frontend answered %d pages and asked for %d posts: some were kept", pages, asked)
	}
	return nil
}

// postsAsked is how often the content service has been asked for a post.
func (b *runner) postsAsked(ctx context.Context) (int64, error) {
	metrics, err := fetch(ctx, "http://"+b.admin["content"]+"/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(metrics.Body)) {
		if strings.HasPrefix(line, "http_server_request_duration_seconds_count{") && strings.Contains(line, `http_route="/v1/posts/{slug}",`) {
			return strconv.ParseInt(line[strings.LastIndexByte(line, ' ')+1:len(line)-1], 10, 64)
		}
	}
	return 0, nil
}

func (b *runner) measureLoaded(context.Context) error {
	for _, service := range services {
		var err error
		if _, b.loaded[service], err = measure.Memory(b.processes[service].pid()); err != nil {
			return err
		}
	}
	return nil
}

// growth is what a list takes with few and with many rows behind it.
type growth struct {
	name      string
	rows      [2]int
	few, many time.Duration
}

func (g growth) ratio() float64 { return g.many.Seconds() / g.few.Seconds() }

// measureLists runs the benchmark of lists and post pages of the services.
func (b *runner) measureLists(ctx context.Context) error {
	if !b.options.lists {
		return nil
	}
	for _, p := range b.processes {
		p.stop()
	}
	measure.Step("lists and post pages with few and many rows (make bench-lists)")
	cmd := exec.CommandContext(ctx, "make", "-s", "bench-lists")
	cmd.Dir, cmd.Stderr = b.root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("make bench-lists: %w: %s", err, out)
	}
	b.figures.lists, err = readLists(out)
	return err
}

// readLists reads pairs out of lines such as
// "BenchmarkComments/comments=10000/busy-2  300  788770 ns/op".
func readLists(out []byte) ([]growth, error) {
	taken := map[string]map[int]time.Duration{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) != 4 || fields[3] != "ns/op" {
			continue
		}
		parts := strings.SplitN(strings.TrimPrefix(fields[0][:strings.LastIndexByte(fields[0], '-')], "Benchmark"), "/", 3)
		if len(parts) != 3 {
			return nil, fmt.Errorf("%s is no benchmark of a list", fields[0])
		}
		_, count, _ := strings.Cut(parts[1], "=")
		rows, errRows := strconv.Atoi(count)
		nanoseconds, errTime := strconv.ParseFloat(fields[2], 64)
		if errRows != nil || errTime != nil {
			return nil, fmt.Errorf("%s is no benchmark of a list", lines.Text())
		}
		name := parts[0] + "/" + parts[2]
		if taken[name] == nil {
			taken[name] = map[int]time.Duration{}
		}
		taken[name][rows] = time.Duration(nanoseconds)
	}
	var lists []growth
	for name, by := range taken {
		g := growth{name: name}
		for rows, took := range by {
			if g.few == 0 || rows < g.rows[0] {
				g.rows[0], g.few = rows, took
			}
			if rows > g.rows[1] {
				g.rows[1], g.many = rows, took
			}
		}
		if len(by) != 2 {
			return nil, fmt.Errorf("%s was measured with %d numbers of rows, not with few and many", name, len(by))
		}
		lists = append(lists, g)
	}
	if len(lists) == 0 {
		return nil, fmt.Errorf("make bench-lists measured nothing: %s", out)
	}
	slices.SortFunc(lists, func(a, b growth) int { return cmp.Compare(b.ratio(), a.ratio()) })
	return lists, nil
}

// median of what is told of each round.
func median[T cmp.Ordered](rounds []side, of func(side) T) T {
	var all []T
	for _, round := range rounds {
		all = append(all, of(round))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
