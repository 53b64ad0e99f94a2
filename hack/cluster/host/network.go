package host

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"
)

// askLimit is how long a server may take until it counts as out of reach.
const askLimit = 3 * time.Second

// address is where something is fetched from.
type address struct {
	// url may hold a password and is never printed.
	url string
	// first is asked before url; it counts if its answer is 200.
	first string
	// proxy is used instead of the environment's; empty is the environment's.
	proxy string
}

// address finds where a kind is fetched from by the user's own settings. It is
// empty if no server is needed or it is unknown.
func (m machine) address(ctx context.Context, f Facts, kind Kind) address {
	proxy := moduleProxy(f.Go.Proxy)
	switch kind {
	case GoModules:
		return address{url: proxy}
	case GoChecksums:
		database := address{url: sumDB(f.Go.SumDB)}
		if database.url != "" && proxy != "" { // the go command asks there first
			database.first = strings.TrimRight(proxy, "/") + "/sumdb/" + hostOf(database.url) + "/supported"
		}
		return database
	case DebianArchive:
		if f.Distribution.ID == "debian" { // elsewhere apt's sources are another distribution's
			return address{url: m.aptSource(), proxy: aptProxy(ctx)}
		}
	case PythonIndex:
		return address{url: pipIndex(ctx)}
	}
	return address{}
}

// moduleProxy is the first server of GOPROXY, see "go help goproxy".
func moduleProxy(goproxy string) string {
	for _, entry := range strings.FieldsFunc(goproxy, func(r rune) bool { return r == ',' || r == '|' }) {
		if strings.HasPrefix(entry, "http://") || strings.HasPrefix(entry, "https://") {
			return entry
		}
	}
	return ""
}

// sumDB is the server of GOSUMDB: "off", "name", "name+key" or either with an address behind it.
func sumDB(gosumdb string) string {
	fields := strings.Fields(gosumdb)
	if len(fields) == 0 || fields[0] == "off" {
		return ""
	}
	if len(fields) > 1 {
		return fields[1]
	}
	name, _, _ := strings.Cut(fields[0], "+")
	return "https://" + name
}

// aptSource is the first address in apt's sources, in the style of one line or of deb822, see sources.list(5).
func (m machine) aptSource() string {
	for _, file := range append([]string{"etc/apt/sources.list"}, m.glob("etc/apt/sources.list.d/debian*")...) {
		for line := range strings.Lines(string(m.read(file))) {
			fields := strings.Fields(line)
			if len(fields) < 2 || fields[0] != "deb" && fields[0] != "URIs:" {
				continue
			}
			for _, field := range fields[1:] {
				if strings.HasPrefix(field, "http://") || strings.HasPrefix(field, "https://") {
					return field
				}
			}
		}
	}
	return ""
}

// aptProxy is the proxy in apt's own settings.
func aptProxy(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "apt-config", "shell", "proxy", "Acquire::http::Proxy").Output()
	if err != nil {
		return ""
	}
	value := strings.TrimPrefix(strings.TrimSpace(string(out)), "proxy=")
	if value = strings.Trim(value, "'"); value == "DIRECT" {
		return ""
	}
	return value
}

// pipIndex is what pip uses: its variable, its files, or what it brings along.
func pipIndex(ctx context.Context) string {
	const script = `from pip._internal.models.index import PyPI; print(PyPI.simple_url)`
	if index := os.Getenv("PIP_INDEX_URL"); index != "" {
		return index
	}
	if out, err := program(ctx, "python3", "-m", "pip", "config", "get", "global.index-url").Output(); err == nil {
		return strings.TrimSpace(string(out))
	}
	out, _ := program(ctx, "python3", "-c", script).Output() // without pip nothing is known
	return strings.TrimSpace(string(out))
}

// ask sends one request. Any answer counts, but those of a proxy that wants a password and of a broken server.
func ask(ctx context.Context, kind Kind, at address) Download {
	answer := Download{Kind: kind, Host: hostOf(at.url)}
	if at.url == "" {
		return answer
	}
	if status, err := get(ctx, address{url: at.first, proxy: at.proxy}); err == nil && status == http.StatusOK {
		answer.Host = hostOf(at.first)
		return answer
	}
	status, err := get(ctx, at)
	switch {
	case err != nil:
		answer.Err, answer.Late = reason(err), errors.Is(err, context.DeadlineExceeded)
	case status == http.StatusProxyAuthRequired:
		answer.Err = "can't be reached: the proxy wants a password"
	case status >= 500:
		answer.Err = "answers " + http.StatusText(status)
	}
	return answer
}

func get(ctx context.Context, at address) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url, nil)
	if err != nil {
		return 0, errors.New("is no address")
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	if proxy, err := url.Parse(at.proxy); err == nil && at.proxy != "" {
		transport.Proxy = http.ProxyURL(proxy)
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// reason says why without the address, which may hold a password.
func reason(err error) string {
	var dns *net.DNSError
	var failed *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "did not answer within " + askLimit.String()
	case errors.As(err, &dns):
		return "can't be reached: its name is not known (DNS)"
	case errors.As(err, &failed):
		return "can't be reached: " + failed.Err.Error()
	}
	return err.Error()
}

// hostOf is the server's name and port, without user and password.
func hostOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return parsed.Host
}
