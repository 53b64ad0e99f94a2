package controllers

// What the operator may do. Children are written by server-side apply, which
// is a patch; everything that is looked up is read from a cache, hence list and watch.

// +kubebuilder:rbac:groups=blogplatform.io,resources=blogplatforms,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=blogplatform.io,resources=blogplatforms/status,verbs=patch
// +kubebuilder:rbac:groups=blogplatform.io,resources=blogplatforms/finalizers,verbs=update

// +kubebuilder:rbac:groups="",resources=configmaps;serviceaccounts;services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=argoproj.io,resources=analysistemplates;rollouts,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=argoproj.io,resources=rollouts/status,verbs=patch
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=bitnami.com,resources=sealedsecrets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=cert-manager.io,resources=certificates,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.istio.io,resources=destinationrules;gateways;serviceentries;sidecars;virtualservices,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=postgres-operator.crunchydata.com,resources=postgresclusters,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=security.istio.io,resources=authorizationpolicies;peerauthentications,verbs=get;list;watch;create;patch;delete

// Which kinds are served, which namespaces and issuers exist.
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=cert-manager.io,resources=clusterissuers;issuers,verbs=get;list;watch

// Which keys a Secret has. Only metadata is cached; contents are read one by one.
// The key pair of a platform's hosts is deleted with it: config/admission allows the deletion of no other Secret.
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;delete

// What ended the analysis of a release that Argo Rollouts aborted.
// +kubebuilder:rbac:groups=argoproj.io,resources=analysisruns,verbs=list

// Which host an authority cannot validate.
// +kubebuilder:rbac:groups=acme.cert-manager.io,resources=challenges,verbs=list

// Why the pods of a Job are refused.
// +kubebuilder:rbac:groups="",resources=events,verbs=list

// Pods are created as dry runs only, to see whether they would get a sidecar.
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;create

// Volumes of a database are deleted with deletionPolicy Delete and its annotation only.
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;list;watch;delete

// Who may read the operator's metrics.
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
