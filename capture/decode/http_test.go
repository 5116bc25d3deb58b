package decode

import (
	"slices"
	"strings"
	"testing"
)

func TestHTTP(t *testing.T) {
	k := newTalker()
	f := func(name, b string, want ...string) {
		t.Helper()
		if got := names(k.next().tcp(0, 1, []byte(b))); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	f("plain", request, requestNames...)
	f("any case, any space", "GET / HTTP/1.1\r\nhOST:\t a.example \r\nuSER-aGENT:x\r\n\r\n", "http_host a.example", "http_host x")
	f("port", "GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n", "http_host a.example:8080")
	f("line feeds only", "GET / HTTP/1.0\nHost: a.example\n\n", "http_host a.example")
	f("obs-fold", "GET / HTTP/1.1\r\nUser-Agent: a\r\n b\r\nHost: a.example\r\n\r\n", "http_host a.example", "http_host a b")
	f("absolute form", "GET http://u@a.example:81/x?y HTTP/1.0\r\n\r\n", "http_host a.example:81")
	f("absolute form and Host", "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", "http_host b.example")
	f("CONNECT", "CONNECT a.example:443 HTTP/1.1\r\n\r\n", "http_host a.example:443")
	f("origin form without Host", "GET /://x HTTP/1.0\r\n\r\n")
	f("empty Host", "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n")
	f("two Hosts", "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", "http_host a.example")
	f("Host in the body", "POST / HTTP/1.1\r\nContent-Length: 17\r\n\r\nHost: a.example\r\n")
	f("pipelined", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\nGET / HTTP/1.1\r\nHost: b.example\r\n\r\n",
		"http_host a.example", "http_host b.example")
	f("pipelined behind a body", "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nxyzGET / HTTP/1.1\r\nHost: b.example\r\n\r\n",
		"http_host a.example", "http_host b.example")
	f("empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "http_host a.example")
	f("empty line between", "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\n\r\nx\r\nGET / HTTP/1.1\r\nHost: b.example\r\n\r\n",
		"http_host a.example", "http_host b.example")
	f("empty lines alone", "\r\n\r\n")
	f("WebDAV", "VERSION-CONTROL / HTTP/1.1\r\nHost: a.example\r\n\r\n", "http_host a.example")
	f("unknown method", "XYZZY / HTTP/1.1\r\nHost: a.example\r\n\r\n")
	f("control characters", "GET / HTTP/1.1\r\nHost: a\x1b[2J\u202e\xff\r\n\r\n", "http_host a\\033[2J\\u202e\ufffd")
	f("long", "GET / HTTP/1.1\r\nHost: "+strings.Repeat("a", 300)+"\r\n\r\n", "http_host "+strings.Repeat("a", 256))
	f("RTSP", "OPTIONS rtsp://a.example/ RTSP/1.0\r\nHost: a.example\r\n\r\n")
	f("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	f("SMTP", "GET me out\r\nHost: a.example\r\n\r\n")
}

// TestHTTPPipelined: the second request is in two segments behind the first.
func TestHTTPPipelined(t *testing.T) {
	k := newTalker().next()
	two := "GET / HTTP/1.1\r\nHost: a.example\r\n\r\nGET / HTTP/1.1\r\nHost: b.example\r\n\r\n"
	got := names(k.tcp(0, 1, []byte(two[:50])))
	got = append(got, names(k.tcp(0, 51, []byte(two[50:])))...)
	if want := []string{"http_host a.example", "http_host b.example"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzHTTP: a name that is told stands in the request, and two requests in one stream say what they say one by one.
func FuzzHTTP(f *testing.F) {
	f.Add("/a", "Host: a.example\r\nUser-Agent: b", uint8(3))
	f.Add("http://x:1/", "host:\r\n\tfolded\r\nContent-Length: 0", uint8(40))
	f.Add("*", "Transfer-Encoding: chunked\r\n: \r\nHost", uint8(0))
	f.Add("\x00", "Host:0", uint8('\r'))                  // a control character in the request line mattered only while the line was incomplete
	f.Add("0", "Host:example\rbUser-Agent: \n", uint8(3)) // an empty line too many between two requests ended the stream
	f.Add("0", "Host:000000000000000000000\n", uint8(44)) // … and one that starts a segment
	k := newTalker()
	f.Fuzz(func(t *testing.T, target, fields string, at uint8) {
		if strings.ContainsAny(target, "\r\n") || strings.Contains(fields, "\n\n") || strings.Contains(fields, "\n\r\n") ||
			strings.Contains(strings.ToLower(fields), "content-length") || len(target)+len(fields) > maxStream/2 {
			return
		}
		one := "GET " + target + " HTTP/1.1\r\n" + strings.TrimLeft(fields, "\r\n") + "\r\n\r\n"
		alone := k.next().tcp(0, 1, []byte(one))
		checkNames(t, alone)
		want := names(alone)
		want = append(want, want...)
		cut := min(int(at)+1, len(one)) // the first octet at least, all of one request at most
		k.next().tcp(flagSYN, 0, nil)
		got := names(k.tcp(0, 1, []byte((one + one)[:cut])))
		got = append(got, names(k.tcp(0, 1+uint32(cut), []byte((one + one)[cut:])))...)
		if !slices.Equal(got, want) {
			t.Errorf("%q cut at %d: %q, want %q", one+one, cut, got, want)
		}
	})
}
