package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// logs puts the logs of all services into one that people can read.
type logs struct {
	mu sync.Mutex
	to io.Writer
}

func newLogs(to io.Writer) *logs { return &logs{to: to} }

// of returns the writer for the log lines of one service, one for each call of Write.
func (l *logs) of(service string) io.Writer { return serviceLog{l, service} }

type serviceLog struct {
	*logs
	service string
}

// Write implements io.Writer. What is not a log line, a panic for example, stays as it is.
func (l serviceLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, err := readable(line)
	if err != nil {
		text = strings.TrimRight(string(line), "\n")
	}
	if _, err := fmt.Fprintf(l.to, "%-9s %s\n", l.service, text); err != nil {
		return 0, err
	}
	return len(line), nil
}

// readable writes a JSON log line as time, level where it is not INFO, message
// and the rest of the attributes in their order.
func readable(line []byte) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return "", errors.New("it is no JSON object")
	}
	var at, level, message string
	var attributes []string
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return "", err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return "", err
		}
		switch text := plain(value); name {
		case "time":
			at = clock(text)
		case "level":
			level = text + " "
		case "msg":
			message = text
		case "service", "version":
		default:
			attributes = append(attributes, fmt.Sprintf("%s=%s", name, quoted(text)))
		}
	}
	if level == "INFO " {
		level = ""
	}
	return strings.Join(append([]string{at, level + message}, attributes...), " "), nil
}

// plain is a string without its quotes, or another value as JSON writes it.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

func quoted(text string) string {
	if text == "" || strings.ContainsAny(text, " \t\n\"") {
		return strconv.Quote(text)
	}
	return text
}

func clock(text string) string {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return text
	}
	return at.Local().Format(time.TimeOnly)
}
