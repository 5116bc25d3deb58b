package broker

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"cafeprobe/uplink"
)

// TestAdmit: without Trust only loopback addresses are taken, whatever they call themselves.
func TestAdmit(t *testing.T) {
	f := func(trust bool, remote string, want bool) {
		t.Helper()
		_, got := access{province: "ha-giang", trust: trust}.admit(remote, nil, "b-7f3a91c2", "b-7f3a91c2")
		if got != want {
			t.Errorf("trust %v, from %s: %v, want %v", trust, remote, got, want)
		}
	}
	f(false, "127.0.0.1:40000", true)
	f(false, "[::1]:40000", true)
	f(false, "[::ffff:127.0.0.1]:40000", true)
	f(false, "192.0.2.1:40000", false)
	f(false, "[2001:db8::1]:40000", false)
	f(false, "pipe", false)
	f(true, "192.0.2.1:40000", true)
}

// TestAdmitByCertificate: over TLS a name comes from the certificate alone, and what the client says must fit it.
func TestAdmitByCertificate(t *testing.T) {
	f := func(cn, user, client string, want uplink.BoxID, ok bool) {
		t.Helper()
		cert := &x509.Certificate{Subject: pkix.Name{CommonName: cn}}
		got, in := access{province: "ha-giang", observe: true}.admit("192.0.2.1:40000", cert, user, client)
		if got != want || in != ok {
			t.Errorf("certificate %q, user name %q, client id %q: %q, %v, want %q, %v", cn, user, client, got, in, want, ok)
		}
	}
	const a, b = "b-0000000a", "b-0000000b"
	f(a, a, a, a, true)
	f(a, a, b, a, false)
	f(a, b, a, a, false)
	f(a, "", a, a, false)
	f("observer", "", b, "", true)
	f("observer", "observer", "x", "", true)
	f("observer", a, a, "", false)
	if box, ok := (access{observe: true}).admit("127.0.0.1:40000", nil, a, a); ok {
		t.Errorf("without a certificate: %q is let in", box)
	}
}

// TestKeepAlive: a client that promises to speak once a day, or never, is not believed.
func TestKeepAlive(t *testing.T) {
	h := hook{access: access{province: "ha-giang", trust: true}}
	for said, want := range map[uint16]uint16{0: maxKeepAlive, 120: 120, maxKeepAlive: maxKeepAlive, 65535: maxKeepAlive} {
		cl := mqtt.New(nil).NewClient(nil, "tcp", "b-7f3a91c2", false)
		cl.Properties.Username, cl.State.Keepalive = []byte("b-7f3a91c2"), said
		cl.Properties.Will.WillDelayInterval = 3600
		if err := h.OnConnect(cl, packets.Packet{}); err != nil {
			t.Fatal(err)
		}
		if got := cl.State.Keepalive; got != want {
			t.Errorf("keep-alive %d: %d, want %d", said, got, want)
		}
		if got := cl.Properties.Will.WillDelayInterval; got != 0 {
			t.Errorf("will delayed by %d s, want 0", got)
		}
	}
}

// FuzzAccess: no topic or filter gives a box more than its own.
func FuzzAccess(f *testing.F) {
	a := access{province: "ha-giang"}
	box := uplink.BoxID("b-7f3a91c2")
	own := uplink.Address{Province: "ha-giang", Box: box}
	f.Add(own.Topic(uplink.UpRecords))
	f.Add(own.DownFilter())
	f.Add("cafeprobe/v1/ha-giang/all/down/#")
	f.Add("cafeprobe/v1/ha-giang/+/b-7f3a91c2/up/rec")
	f.Fuzz(func(t *testing.T, s string) {
		if a.publish(box, s) {
			if at, _, _, err := uplink.ParseTopic(s); err != nil || at != own {
				t.Errorf("may publish %q", s)
			}
		}
		if a.subscribe(box, s) && !strings.HasPrefix(s, "cafeprobe/v1/ha-giang/") {
			t.Errorf("may subscribe %q", s)
		}
	})
}
