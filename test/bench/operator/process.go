package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

const (
	// operatorName is the file name of the operator's program, with which its user agent begins.
	operatorName = "manager"
	// ticks is the unit of /proc/<pid>/stat: a hundredth of a second (USER_HZ).
	ticks = 100
)

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
	health, err := freeAddress()
	if err != nil {
		return nil, err
	}
	profiles, err := freeAddress()
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

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// memory answers the resident memory in MiB, now (VmRSS) and at its highest (VmHWM).
func (o *operator) memory() (now, highest float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.PID()))
	if err != nil {
		return 0, 0, err
	}
	value := func(name string) float64 {
		_, rest, _ := strings.Cut(string(text), name+":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return 0
		}
		kib, _ := strconv.ParseFloat(fields[0], 64)
		return kib / 1024
	}
	return value("VmRSS"), value("VmHWM"), nil
}

// processor answers the processor time that the operator has used.
func (o *operator) processor() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", o.PID()))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", o.PID(), len(fields))
	}
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / ticks, err
}
