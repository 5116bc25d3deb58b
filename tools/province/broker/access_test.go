package broker

import (
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
		_, got := access{"ha-giang", trust}.admit(remote, "b-7f3a91c2", "b-7f3a91c2")
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
