package helm

import (
	"fmt"
	"log/slog"
	"time"

	"helm.sh/helm/v4/pkg/action"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"blogplatform.io/operator/hack/timefactor"
)

// patience is how long a command may take, before timefactor scales it.
const patience = time.Minute

// Cluster is a cluster as somebody with a kubeconfig reaches it.
type Cluster struct {
	// Kubeconfig is the path of the file.
	Kubeconfig string
	// Namespace holds the releases.
	Namespace string
}

// configuration is that of one command: each helm command discovers the cluster anew.
func (c Cluster) configuration() (*action.Configuration, error) {
	flags := genericclioptions.NewConfigFlags(true)
	flags.KubeConfig, flags.Namespace = &c.Kubeconfig, &c.Namespace
	configuration := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	if err := configuration.Init(flags, c.Namespace, "secret"); err != nil {
		return nil, fmt.Errorf("reach the cluster: %w", err)
	}
	return configuration, nil
}

// Install is `helm install`. With takeOwnership it adopts objects that are there already.
func (c Cluster) Install(name string, ch *chart.Chart, values Values, takeOwnership bool) error {
	configuration, err := c.configuration()
	if err != nil {
		return err
	}
	install := action.NewInstall(configuration)
	install.ReleaseName, install.Namespace, install.TakeOwnership = name, c.Namespace, takeOwnership
	install.WaitStrategy, install.Timeout = kube.HookOnlyStrategy, timefactor.Scale(patience)
	install.ForceConflicts = takeOwnership
	_, err = install.Run(ch, values)
	return err
}

// Upgrade is `helm upgrade`.
func (c Cluster) Upgrade(name string, ch *chart.Chart, values Values) error {
	configuration, err := c.configuration()
	if err != nil {
		return err
	}
	upgrade := action.NewUpgrade(configuration)
	upgrade.Namespace, upgrade.WaitStrategy, upgrade.Timeout = c.Namespace, kube.HookOnlyStrategy, timefactor.Scale(patience)
	_, err = upgrade.Run(name, ch, values)
	return err
}

// Rollback is `helm rollback` to a revision.
func (c Cluster) Rollback(name string, revision int) error {
	configuration, err := c.configuration()
	if err != nil {
		return err
	}
	rollback := action.NewRollback(configuration)
	rollback.Version, rollback.WaitStrategy, rollback.Timeout = revision, kube.HookOnlyStrategy, timefactor.Scale(patience)
	return rollback.Run(name)
}

// Uninstall is `helm uninstall`. It answers what Helm says that it left.
func (c Cluster) Uninstall(name string) (left string, err error) {
	configuration, err := c.configuration()
	if err != nil {
		return "", err
	}
	uninstall := action.NewUninstall(configuration)
	uninstall.WaitStrategy, uninstall.Timeout = kube.HookOnlyStrategy, timefactor.Scale(patience)
	answer, err := uninstall.Run(name)
	if err != nil {
		return "", err
	}
	return answer.Info, nil
}

// Test is `helm test`.
func (c Cluster) Test(name string) error {
	configuration, err := c.configuration()
	if err != nil {
		return err
	}
	test := action.NewReleaseTesting(configuration)
	test.Namespace, test.Timeout = c.Namespace, timefactor.Scale(patience)
	_, shutdown, err := test.Run(name)
	if shutdownErr := shutdown(); err == nil {
		err = shutdownErr
	}
	return err
}
