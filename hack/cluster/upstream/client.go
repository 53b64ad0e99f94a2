package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"blogplatform.io/operator/hack/timefactor"
)

// Client asks file servers and registries, as nobody in particular. Its zero value is ready for use.
type Client struct {
	// Transport carries requests. Nil is http.DefaultTransport, which uses the
	// proxies that the environment names (https_proxy, no_proxy).
	Transport http.RoundTripper

	// silence is how long a server may send nothing; zero is silenceLimit.
	silence time.Duration
}

// silenceLimit ends a download that hangs, however large it is.
const silenceLimit = time.Minute

func (c Client) transport() http.RoundTripper {
	base := c.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	return impatient{base, cmp.Or(c.silence, timefactor.Scale(silenceLimit))}
}

// Answers implements Probe: any answer counts, but those of a proxy that wants
// a password and of a broken server.
func (c Client) Answers(ctx context.Context, host string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+host+"/", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: c.transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return cause(err)
	}
	switch status := response.StatusCode; {
	case status == http.StatusProxyAuthRequired, status >= http.StatusInternalServerError:
		return errors.Join(fmt.Errorf("it answers %s", response.Status), response.Body.Close())
	}
	return response.Body.Close()
}

// cause is an error of a request without its method and address, which a message names already.
func cause(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// impatient ends requests whose server sends nothing for as long as limit.
type impatient struct {
	base  http.RoundTripper
	limit time.Duration
}

// RoundTrip implements http.RoundTripper.
func (t impatient) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	timer := time.AfterFunc(t.limit, func() { cancel(fmt.Errorf("nothing was received for %s", t.limit)) })
	response, err := t.base.RoundTrip(request.WithContext(ctx))
	if err != nil {
		timer.Stop()
		cancel(nil)
		return nil, err
	}
	response.Body = &watched{ReadCloser: response.Body, ctx: ctx, cancel: cancel, timer: timer, limit: t.limit}
	return response, nil
}

// watched is the body of an answer. Each read that brings something starts the limit anew.
type watched struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

// Read implements io.Reader. The time between two reads counts, so a reader must not pause.
func (w *watched) Read(buffer []byte) (int, error) {
	n, err := w.ReadCloser.Read(buffer)
	if n > 0 {
		w.timer.Reset(w.limit)
	}
	if errors.Is(err, context.Canceled) {
		err = context.Cause(w.ctx)
	}
	return n, err
}

// Close implements io.Closer.
func (w *watched) Close() error {
	w.timer.Stop()
	err := w.ReadCloser.Close()
	w.cancel(nil)
	return err
}
