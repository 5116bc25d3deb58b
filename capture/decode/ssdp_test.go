package decode

import (
	"bufio"
	"bytes"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"cafeprobe/capture"
)

var ssdpAll = netip.MustParseAddr("239.255.255.250")

func TestSSDP(t *testing.T) {
	f := func(name, message string, lines ...string) {
		t.Helper()
		want(t, name, udpFrom(50000, 1900, ssdpAll, []byte(message)), lines...)
	}
	f("search", "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMX: 1\r\nST: ssdp:all\r\n"+
		"USER-AGENT: Google Chrome/99.0 Windows\r\n\r\n",
		"query ssdp ssdp:all", "agent ssdp Google Chrome/99.0 Windows")
	f("alive", "NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.21:2869/upnphost?x\r\nNTS: ssdp:alive\r\n"+
		"SERVER: Microsoft-Windows/10.0 UPnP/1.0\r\n\r\n", "service ssdp 2869 Microsoft-Windows/10.0 UPnP/1.0")
	f("at another's address", "NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.99:2869/\r\nNTS: ssdp:alive\r\n\r\n",
		"service ssdp 0 ")
	f("without a port", "NOTIFY * HTTP/1.1\nLocation: https://192.168.1.21/\nserver:x\n\n", "service ssdp 443 x")
	f("byebye", "NOTIFY * HTTP/1.1\r\nServer: x\r\nNTS: ssdp:byebye\r\n\r\n", "goodbye ssdp")
	f("answer", "HTTP/1.1 200 OK\r\nSERVER: Linux/3.14 UPnP/1.0\r\n\r\nServer: of the body\r\n",
		"service ssdp 0 Linux/3.14 UPnP/1.0")
	f("control characters", "M-SEARCH * HTTP/1.1\r\nST: a\x1b[2J\r\n\r\n", `query ssdp a\033[2J`)
	f("too many headers", "M-SEARCH * HTTP/1.1\r\n"+strings.Repeat("X: y\r\n", headersMax)+"ST: a\r\n\r\n")
	f("another protocol", "GET / HTTP/1.1\r\n\r\n")
	long := "M-SEARCH * HTTP/1.1\r\nST: " + strings.Repeat("x", 1000) + "\r\n\r\n"
	f("long", long, "query ssdp "+strings.Repeat("x", capture.MaxName))
}

// FuzzSSDP holds our reading against net/http: of each search that it takes, we must say the same target first.
func FuzzSSDP(f *testing.F) {
	f.Add([]byte("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST: ssdp:all\r\nUSER-AGENT: x\r\n\r\n"))
	f.Add([]byte("NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.21:2869/\r\nSERVER: x\r\n\r\n"))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		target := ""
		for _, o := range d.Inspect(udpFrom(50000, 1900, ssdpAll, b)) {
			checkText(t, o.Name)
			if o.Kind == capture.KindQuery && target == "" {
				target = o.Name
			}
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil || r.Method != "M-SEARCH" || len(r.Header) > headersMax/4 {
			return
		}
		values := r.Header["St"]
		if len(values) == 0 || strings.Count(string(b), "\n") > headersMax || bytes.Contains(b, []byte("\n ")) ||
			bytes.Contains(b, []byte("\n\t")) { // folded lines: obsolete (RFC 9112 §5.2), and not read
			return
		}
		for _, v := range values {
			if v != "" {
				if got := text([]byte(v)); got != target {
					t.Errorf("target %q, net/http %q", target, got)
				}
				return
			}
		}
	})
}
