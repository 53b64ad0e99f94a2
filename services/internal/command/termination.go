package command

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
)

// Kubernetes keeps this many bytes of a termination message
// (kubernetes.io/docs: Container.terminationMessagePath).
const maxTerminationMessage = 4096

// Terminate leaves message where Kubernetes looks for a container's termination
// message: /dev/termination-log, or the file that TERMINATION_LOG names. The
// kubelet creates that file; where it does not exist nobody reads the message,
// and nothing is written. It never fails the command whose outcome it reports.
func Terminate(message string) {
	if len(message) > maxTerminationMessage {
		message = message[:maxTerminationMessage]
	}
	path := Getenv("TERMINATION_LOG", "/dev/termination-log")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		_, err = file.WriteString(message)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		slog.Warn("the termination message was not written", "path", path, "error", err)
	}
}
