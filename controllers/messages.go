package controllers

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"blogplatform.io/operator/internal/ready"
)

const (
	// maxMessage is the length, in bytes, at which what others say is cut off.
	maxMessage = 400
	// maxCondition is the length of the message of a condition: more is not read, and
	// 32768 would refuse the whole status (metav1.Condition).
	maxCondition = 4096
	// maxNote is that of an event (k8s.io/kubernetes pkg/apis/core/validation NoteLengthLimit).
	maxNote = 1024
	// maxMessages is how many messages one condition holds.
	maxMessages = 4
)

var (
	// quotaName is how ResourceQuota admission names the quota (k8s.io/apiserver pkg/admission/plugin/resourcequota).
	quotaName = regexp.MustCompile(`exceeded quota: ([^,\s]+)`)
	// address of a connection: its port is another one each time.
	address = regexp.MustCompile(`[0-9a-fA-F.:\[\]]+:[0-9]{2,5}\b`)
)

// quota is the name of the ResourceQuota that refused a request, if one did.
// What it counts is left out, since that moves by itself.
func quota(err error) string {
	if !apierrors.IsForbidden(err) {
		return ""
	}
	if match := quotaName.FindStringSubmatch(err.Error()); match != nil {
		return match[1]
	}
	return ""
}

// said is what the API server answered, fit for a condition: nothing in it
// changes while the cause stays the same.
func said(err error) string {
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &status):
		return cut(address.ReplaceAllString(status.Status().Message, "<address>"))
	case errors.Is(err, context.DeadlineExceeded):
		return "the API server does not answer in time"
	}
	return "the API server cannot be reached"
}

func cut(message string) string {
	return fitting(maxMessage, strings.Join(strings.Fields(message), " "))
}

// fitting keeps as much of a text as fits into so many bytes, and says if that is not all.
func fitting(bytes int, text string) string {
	const more = "…"
	if len(text) <= bytes {
		return text
	}
	return strings.ToValidUTF8(text[:bytes-len(more)], "") + more
}

// joined are the messages of one condition, sorted, each once. Of many the first are enough to act on.
func joined(messages []string) string {
	slices.Sort(messages)
	messages = slices.Compact(messages)
	if len(messages) > maxMessages {
		messages = append(slices.Clone(messages[:maxMessages]), "…")
	}
	return strings.Join(messages, "; ")
}

// rankReady is the rank of a verdict of which there is nothing to tell.
const rankReady = 5

// rank orders verdicts by how much a person wants to hear of them.
func rank(v ready.Verdict) int {
	switch {
	case v.State == ready.Failed:
		return 0
	case v.State == ready.Unknown:
		return 1
	case v.Reason == reasonWaiting || v.Reason == reasonNextInLine:
		return 3
	case v.State == ready.Warning:
		return 4
	case v.State == ready.Ready:
		return rankReady
	}
	return 2
}
