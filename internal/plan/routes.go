package plan

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	istio "istio.io/api/networking/v1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"blogplatform.io/operator/internal/naming"
)

const (
	// retryOn names failures after which a request has certainly not reached a
	// service: a write is then made once, however often it is sent.
	retryOn = "connect-failure,refused-stream,reset-before-request"
	// routeTimeout is more than the 10 s that a service gives a request, so that
	// the answer to one that takes too long is the service's own.
	routeTimeout = 15 * time.Second
)

// headerTemplate of a request names the hash of the pod template that is to
// answer it (services/internal/server: TemplateHeader).
const headerTemplate = "blog-pod-template"

// routes give each service a name in the cluster, and a weighted route to its
// stable and canary pods. That of the frontend is at the gateway, where nobody
// can ask for the canary; in the mesh there is nothing else to ask of it.
func (b *builder) routes() {
	for _, service := range naming.Services {
		b.gate(StageMesh, b.clusterService(b.names.Workload(service), service))
		b.gate(StageMesh, b.clusterService(b.names.Canary(service), service))
		b.gate(StageMesh, b.destinationRule(service))
	}
	for _, service := range naming.DataServices {
		b.gate(StageMesh, b.virtualService(b.names.Workload(service), []string{b.fullHost(service)}, nil, b.canaryRoute(service), b.primaryRoute(service)))
	}
	b.gate(StageMesh, b.virtualService(b.names.FrontendCheck(), []string{b.fullHost(naming.Frontend)}, nil, b.canaryRoute(naming.Frontend)))
}

// clusterService is before all pods of a service. Of the one before the newest
// pods, Argo Rollouts completes the selector.
func (b *builder) clusterService(name string, service naming.Service) *corev1.Service {
	return &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: b.meta(name),
		Spec: corev1.ServiceSpec{
			Selector: b.names.Selector(service),
			Ports: []corev1.ServicePort{{
				Name: "http", AppProtocol: new("http"), Port: portApp, TargetPort: intstr.FromString("http"), Protocol: corev1.ProtocolTCP,
			}},
		},
	}
}

func (b *builder) destinationRule(service naming.Service) *networkingv1.DestinationRule {
	subset := func(name string) *istio.Subset { return &istio.Subset{Name: name, Labels: b.names.Selector(service)} }
	return &networkingv1.DestinationRule{
		TypeMeta: networkingType("DestinationRule"), ObjectMeta: b.meta(b.names.Workload(service)),
		Spec: istio.DestinationRule{
			Host:          b.fullHost(service),
			TrafficPolicy: &istio.TrafficPolicy{Tls: &istio.ClientTLSSettings{Mode: istio.ClientTLSSettings_ISTIO_MUTUAL}},
			Subsets:       []*istio.Subset{subset(subsetStable), subset(subsetCanary)},
		},
	}
}

// virtualService routes requests at gateways or, if there are none, from all pods of the mesh.
func (b *builder) virtualService(name string, hosts, gateways []string, routes ...*istio.HTTPRoute) *networkingv1.VirtualService {
	return &networkingv1.VirtualService{
		TypeMeta: networkingType("VirtualService"), ObjectMeta: b.meta(name),
		Spec: istio.VirtualService{Hosts: hosts, Gateways: gateways, Http: routes},
	}
}

// primaryRoute is the one whose weights Argo Rollouts shifts. Until it has, all
// requests go to the stable pods.
func (b *builder) primaryRoute(service naming.Service, match ...*istio.HTTPMatchRequest) *istio.HTTPRoute {
	return &istio.HTTPRoute{
		Name: routePrimary, Match: match,
		Route:   []*istio.HTTPRouteDestination{b.destination(service, subsetStable, 100), b.destination(service, subsetCanary, 0)},
		Timeout: durationpb.New(routeTimeout),
		Retries: &istio.HTTPRetry{Attempts: 2, RetryOn: retryOn},
	}
}

// canaryRoute leads requests for a certain pod template to the canary, whatever
// its weight is. None is sent twice: what fails there has to be seen. It goes by
// the Service and not by the subset, which Argo Rollouts leaves with the old pods
// as long as one of them is unavailable.
func (b *builder) canaryRoute(service naming.Service) *istio.HTTPRoute {
	anything := &istio.StringMatch{MatchType: &istio.StringMatch_Regex{Regex: ".+"}}
	return &istio.HTTPRoute{
		Name: routeCanary, Match: []*istio.HTTPMatchRequest{{Headers: map[string]*istio.StringMatch{headerTemplate: anything}}},
		Route:   []*istio.HTTPRouteDestination{{Destination: b.at(b.names.Canary(service), "")}},
		Timeout: durationpb.New(routeTimeout),
		Retries: &istio.HTTPRetry{},
	}
}

func (b *builder) destination(service naming.Service, subset string, weight int32) *istio.HTTPRouteDestination {
	return &istio.HTTPRouteDestination{Destination: b.at(b.names.Workload(service), subset), Weight: weight}
}

func (b *builder) at(name, subset string) *istio.Destination {
	return &istio.Destination{Host: naming.MeshHost(b.names.Namespace, name), Port: &istio.PortSelector{Number: portApp}, Subset: subset}
}

// fullHost is the name by which Istio knows a service; a short one would be
// completed with the namespace of whoever reads it.
func (b *builder) fullHost(service naming.Service) string {
	return naming.MeshHost(b.names.Namespace, b.names.Workload(service))
}
