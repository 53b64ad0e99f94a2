package message

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// MaxQuote is the length, in bytes, of a text that somebody else wrote.
	MaxQuote = 400
	// MaxCondition is the length of the message of a condition. The API refuses the
	// whole status above 32768 (metav1.Condition), and nobody reads that much.
	MaxCondition = 4096
	// MaxNote is that of an event (k8s.io/kubernetes pkg/apis/core/validation NoteLengthLimit).
	MaxNote = 1024
	// maxJoined is how many messages one condition holds.
	maxJoined = 4
)

var (
	// quotaName is how ResourceQuota admission names the quota (k8s.io/apiserver pkg/admission/plugin/resourcequota).
	quotaName = regexp.MustCompile(`exceeded quota: ([^,\s]+)`)
	// address of a connection: its port is a different one each time.
	address = regexp.MustCompile(`[0-9a-fA-F.:\[\]]+:[0-9]{2,5}\b`)
)

// Quota is the name of the ResourceQuota that refused a request; empty if none did.
// The used amount is left out, because it changes by itself.
func Quota(err error) string {
	if !apierrors.IsForbidden(err) {
		return ""
	}
	if match := quotaName.FindStringSubmatch(err.Error()); match != nil {
		return match[1]
	}
	return ""
}

// OfError is what the API server answered. It stays the same while the cause does.
func OfError(err error) string {
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &status):
		return Quote(address.ReplaceAllString(status.Status().Message, "<address>"))
	case errors.Is(err, context.DeadlineExceeded):
		return "the API server does not answer in time"
	}
	return "the API server cannot be reached"
}

// Quote puts a text of somebody else on one line of at most MaxQuote bytes.
func Quote(text string) string {
	return Fit(MaxQuote, strings.Join(strings.Fields(text), " "))
}

// Fit cuts a text after so many bytes, and ends it with … if something is left out.
func Fit(bytes int, text string) string {
	const more = "…"
	if len(text) <= bytes {
		return text
	}
	return strings.ToValidUTF8(text[:bytes-len(more)], "") + more
}

// Join puts the messages of one condition together: sorted, each once, and of many
// only the first. It does not modify its argument.
func Join(messages []string) string {
	messages = slices.Compact(slices.Sorted(slices.Values(messages)))
	if len(messages) > maxJoined {
		messages = append(messages[:maxJoined], "…")
	}
	return strings.Join(messages, "; ")
}
