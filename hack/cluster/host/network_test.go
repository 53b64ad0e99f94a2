package host

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestServersAreTakenFromTheUsersSettings(t *testing.T) {
	programs(t, map[string]string{
		"apt-config": `echo "proxy='http://apt.example:3142'"`,
		"python3":    `[ "$2" = pip ] && echo "https://ada:secret@python.example/simple"`,
	})
	t.Setenv("PIP_INDEX_URL", "")
	root := tree(t, map[string]string{"etc/apt/sources.list": "# deb http://no.example/\ndeb-src http://no.example/ x main\ndeb [signed-by=/k.gpg] http://debian.example/debian bookworm main\n"})
	f := Facts{Go: Go{Proxy: "https://ada:secret@modules.example/go,direct", SumDB: "sums.example+033de0ae+Ac4zctda0e5eza"}, Distribution: Distribution{ID: "debian"}}
	want := map[Kind]address{
		GoModules:     {url: "https://ada:secret@modules.example/go"},
		GoChecksums:   {url: "https://sums.example", first: "https://ada:secret@modules.example/go/sumdb/sums.example/supported"},
		DebianArchive: {url: "http://debian.example/debian", proxy: "http://apt.example:3142"},
		PythonIndex:   {url: "https://ada:secret@python.example/simple"},
	}
	for kind, at := range want {
		if got := machine(root).address(t.Context(), f, kind); got != at {
			t.Errorf("%s: %+v, want %+v", kind, got, at)
		}
	}
	f.Distribution.ID = "ubuntu"
	if got := machine(root).address(t.Context(), f, DebianArchive); got.url != "" {
		t.Error("Ubuntu's archive is taken for Debian's")
	}
}

func TestSettingsThatNeedNoServer(t *testing.T) {
	for setting, want := range map[string]string{"off": "", "direct": "", "file:///srv,https://b.example|direct": "https://b.example", "": ""} {
		if got := moduleProxy(setting); got != want {
			t.Errorf("GOPROXY=%s leads to %q, want %q", setting, got, want)
		}
	}
	for setting, want := range map[string]string{"off": "", "": "", "a.example": "https://a.example", "a.example https://mirror.example": "https://mirror.example"} {
		if got := sumDB(setting); got != want {
			t.Errorf("GOSUMDB=%s leads to %q, want %q", setting, got, want)
		}
	}
}

func TestSourcesOfAptInTheNewStyle(t *testing.T) {
	root := tree(t, map[string]string{"etc/apt/sources.list.d/debian.sources": "Types: deb\nURIs: mirror+file:/etc/apt/mirrors https://deb.example/debian\nSuites: trixie\n"})
	if got := machine(root).aptSource(); got != "https://deb.example/debian" {
		t.Errorf("it is %q", got)
	}
}

// answering is a server that answers every request with one status.
func answering(t *testing.T, status int) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(server.Close)
	return server
}

func TestWhoAnswersIsReached(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, test := range map[string]struct{ url, err string }{
		"a page":                   {answering(t, http.StatusOK).URL, ""},
		"not even a page":          {answering(t, http.StatusNotFound).URL, ""},
		"a redirection elsewhere":  {answering(t, http.StatusFound).URL, ""},
		"a broken server":          {answering(t, http.StatusBadGateway).URL, "Bad Gateway"},
		"a proxy wants a password": {answering(t, http.StatusProxyAuthRequired).URL, "the proxy wants a password"},
		"nobody":                   {"http://" + closed.Addr().String(), "connection refused"},
		"no address":               {"http://a b.example/%zz", "is no address"},
	} {
		t.Run(name, func(t *testing.T) {
			at := address{url: strings.Replace(test.url, "http://1", "http://ada:secret@1", 1)}
			got := ask(t.Context(), GoModules, at)
			if (got.Err == "") != (test.err == "") || !strings.Contains(got.Err, test.err) {
				t.Errorf("%+v, want %q", got, test.err)
			}
			if strings.Contains(fmt.Sprint(got), "secret") {
				t.Errorf("%+v shows a password", got)
			}
		})
	}
}

func TestAServerThatIsSilentIsGivenUp(t *testing.T) {
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }))
	defer server.Close()
	defer close(ended)
	if got := ask(t.Context(), PythonIndex, address{url: server.URL}); got.Err != "did not answer within 3s" || !got.Late {
		t.Errorf("%+v", got)
	}
}

func TestTheProxyIsAskedInsteadOfTheServer(t *testing.T) {
	proxy := answering(t, http.StatusOK)
	got := ask(t.Context(), DebianArchive, address{url: "http://debian.invalid/debian", proxy: proxy.URL})
	if diff := cmp.Diff(Download{Kind: DebianArchive, Host: "debian.invalid"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAModuleProxyMayAnswerForTheChecksumDatabase(t *testing.T) {
	proxy := answering(t, http.StatusOK)
	host, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	got := ask(t.Context(), GoChecksums, address{url: "http://127.0.0.1:1", first: proxy.URL + "/sumdb/x/supported"})
	if diff := cmp.Diff(Download{Kind: GoChecksums, Host: host.Host}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := ask(t.Context(), GoChecksums, address{url: proxy.URL, first: answering(t, http.StatusNotFound).URL}); got.Host != host.Host || got.Err != "" {
		t.Errorf("%+v", got)
	}
}

func TestAKindWithoutAddressIsNotAsked(t *testing.T) {
	programs(t, nil)
	t.Setenv("PIP_INDEX_URL", "")
	f := Facts{Go: Go{Proxy: "off", SumDB: "off"}, Distribution: Distribution{ID: "debian"}}
	for _, kind := range []Kind{GoModules, GoChecksums, DebianArchive, PythonIndex} {
		at := machine(t.TempDir()).address(t.Context(), f, kind)
		if got := ask(t.Context(), kind, at); got != (Download{Kind: kind}) {
			t.Errorf("%+v", got)
		}
	}
}

func TestServersAreAskedSideBySide(t *testing.T) {
	kinds := []Kind{GoModules, GoChecksums, DebianArchive, PythonIndex}
	var begun sync.WaitGroup
	begun.Add(len(kinds))
	downloads := askAll(kinds, func(kind Kind) Download {
		begun.Done()
		begun.Wait() // nobody is done before all have begun
		return Download{Kind: kind}
	})
	for i, download := range downloads {
		if download.Kind != kinds[i] {
			t.Errorf("answer %d is of %s", i, download.Kind)
		}
	}
}
