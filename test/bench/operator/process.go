package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/test/bench/measure"
)

// operatorName is the file name of the operator's program, with which its user agent begins.
const operatorName = "manager"

// buildOperator compiles the operator into dir.
func buildOperator(ctx context.Context, root, dir string) (string, error) {
	program := filepath.Join(dir, operatorName)
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./cmd/manager")
	command.Dir, command.Stderr = root, os.Stderr
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("building the operator: %w", err)
	}
	return program, nil
}

// operator is the operator's process.
type operator struct {
	*controlplane.Process
	profiles string // address of its profiles
}

// startOperator starts the program against a control plane and waits until it is ready.
func startOperator(ctx context.Context, w *world, program string, workers int, logs string) (*operator, error) {
	health, err := measure.FreeAddress()
	if err != nil {
		return nil, err
	}
	profiles, err := measure.FreeAddress()
	if err != nil {
		return nil, err
	}
	o := &operator{&controlplane.Process{
		Name: operatorName, Path: program, Env: []string{"KUBECONFIG=" + w.cp.Kubeconfig}, Args: []string{
			"--health-probe-bind-address=" + health, "--metrics-bind-address=0", "--pprof-bind-address=" + profiles,
			fmt.Sprintf("--max-concurrent-reconciles=%d", workers),
		},
	}, profiles}
	if err := o.Start(logs); err != nil {
		return nil, err
	}
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		select {
		case <-o.Exited():
			return false, o.Err()
		default:
		}
		return fetch(ctx, "http://"+health+"/readyz", io.Discard) == nil, nil
	})
	if err != nil {
		o.Stop(0)
		return nil, fmt.Errorf("waiting for the operator: %w", err)
	}
	return o, nil
}

// profile keeps a profile of the operator in a file: heap, or profile?seconds=N for the processor.
func (o *operator) profile(ctx context.Context, which, file string) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	return fetch(ctx, "http://"+o.profiles+"/debug/pprof/"+which, out)
}

func fetch(ctx context.Context, url string, into io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	_, err = io.Copy(into, response.Body)
	return err
}
