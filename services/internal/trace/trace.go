package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"blogplatform.io/operator/services/internal/command"
)

const (
	// flushTimeout bounds how long a process that ends waits for its last spans.
	flushTimeout = 3 * time.Second
	// sampled is the share of requests that are traced when nobody before has
	// decided (ParentBased).
	sampled = 0.05
)

// Start sets up tracing for the process. Where OTEL_EXPORTER_OTLP_ENDPOINT or
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, spans go there (OTLP over HTTP);
// other variables of OpenTelemetry's exporter hold, too. The returned function
// sends what is left; it never fails the process whose spans they are.
func Start(ctx context.Context, identity command.Identity) (stop func(), err error) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { slog.Warn("spans not sent", "error", err) }))
	options := []sdk.TracerProviderOption{
		sdk.WithSampler(sdk.ParentBased(sdk.NeverSample())),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", identity.Service), attribute.String("service.version", identity.Version),
			attribute.String("deployment.environment.name", identity.Environment),
		)),
	}
	if exports() {
		exporter, err := otlptracehttp.New(context.WithoutCancel(ctx))
		if err != nil {
			return nil, fmt.Errorf("read the settings of the trace exporter from OTEL_* variables: %w", err)
		}
		options = append(options, sdk.WithBatcher(exporter), sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(sampled))))
	}
	provider := sdk.NewTracerProvider(options...)
	otel.SetTracerProvider(provider)
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := errors.Join(provider.ForceFlush(ctx), provider.Shutdown(ctx)); err != nil {
			slog.Warn("the last spans were not sent", "error", err)
		}
	}, nil
}

// exports reports whether spans go anywhere.
func exports() bool {
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Handler begins a span for each request, as part of the trace that it names.
// Where spans go nowhere it only gives the request its trace, for logs and for
// the services that are asked: to describe a request costs more than to route it.
func Handler(next http.Handler) http.Handler {
	if exports() {
		return otelhttp.NewHandler(next, "request", otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method }))
	}
	tracer := otel.Tracer("")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := otel.GetTextMapPropagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Transport hands the trace of a request's context on to the service that is
// asked, with a span of its own where the trace is recorded.
func Transport(base http.RoundTripper) http.RoundTripper {
	return transport{base, otelhttp.NewTransport(base)}
}

type transport struct{ plain, recording http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if trace.SpanFromContext(r.Context()).IsRecording() {
		return t.recording.RoundTrip(r)
	}
	r = r.Clone(r.Context())
	otel.GetTextMapPropagator().Inject(r.Context(), propagation.HeaderCarrier(r.Header))
	return t.plain.RoundTrip(r)
}
