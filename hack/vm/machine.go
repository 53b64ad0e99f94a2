package vm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// Machine is a virtual machine that can be started.
type Machine struct {
	// Kernel, Initrd and Image are paths of files: the kernel, its initial file system, and the disk (ext4, without partitions).
	Kernel, Initrd, Image string
	// Processors is the number of virtual processors, Memory their memory in MiB.
	Processors, Memory int
}

// Args are qemu's arguments: software emulation, the serial port on standard output, no network, and an end instead of a reboot.
func (m Machine) Args() []string {
	return []string{
		"-accel", "tcg,thread=multi", "-cpu", "max", "-smp", strconv.Itoa(m.Processors), "-m", strconv.Itoa(m.Memory) + "M",
		"-nographic", "-no-reboot", "-net", "none", "-kernel", m.Kernel, "-initrd", m.Initrd,
		"-append", "root=/dev/vda rw console=ttyS0 quiet", "-drive", "file=" + escape(m.Image) + ",format=raw,if=virtio",
	}
}

// escape doubles commas, as qemu wants them in the value of an option.
func escape(path string) string {
	var escaped []byte
	for i := range len(path) {
		if path[i] == ',' {
			escaped = append(escaped, ',')
		}
		escaped = append(escaped, path[i])
	}
	return string(escaped)
}

// Run starts the machine, copies its serial port to log and tells progress of each result, until the machine powers itself off.
// When ctx ends, qemu gets SIGTERM. The results so far are returned with every error.
func (m Machine) Run(ctx context.Context, log io.Writer, progress func(Result)) ([]Result, error) {
	qemu := exec.CommandContext(ctx, "qemu-system-x86_64", m.Args()...)
	qemu.Cancel = func() error { return qemu.Process.Signal(syscall.SIGTERM) }
	qemu.WaitDelay = 10 * time.Second
	// One writer for both, so that a message of qemu stands in the log between the lines of the machine.
	serial, output := io.Pipe()
	qemu.Stdout, qemu.Stderr = output, output
	if err := qemu.Start(); err != nil {
		return nil, fmt.Errorf("starting qemu: %w; install Debian's qemu-system-x86", err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- qemu.Wait()
		_ = output.Close() // a pipe's end never fails to close
	}()
	results, readErr := read(io.TeeReader(serial, log), progress)
	_ = serial.CloseWithError(readErr) // so that qemu's output goes nowhere, instead of waiting for a reader
	if err := errors.Join(readErr, <-ended); err != nil {
		return results, errors.Join(context.Cause(ctx), fmt.Errorf("running qemu: %w", err))
	}
	return results, nil
}

// read collects the results that a serial port prints, until it is closed.
func read(serial io.Reader, progress func(Result)) ([]Result, error) {
	var results []Result
	lines := bufio.NewReader(serial)
	for {
		line, err := lines.ReadString('\n')
		if result, found := Parse(line); found {
			results = append(results, result)
			progress(result)
		}
		if errors.Is(err, io.EOF) {
			return results, nil
		}
		if err != nil {
			return results, fmt.Errorf("reading the serial port: %w", err)
		}
	}
}
