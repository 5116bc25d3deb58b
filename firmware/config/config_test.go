package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const least = `{"dir":"d","capture":{"file":"f"},"uplink":{"broker":"tcp://127.0.0.1:1883"}}`

func TestLeast(t *testing.T) {
	c, err := Parse([]byte(least))
	if err != nil || c.Capture.Quality != "coarse" || c.Cafe.Vantage != "auto" || c.Cafe.Grade() != "" || len(c.Clock.Servers) != 4 {
		t.Errorf("config %+v, %v", c, err)
	}
}

// TestServers: the pool is replaced, not filled up, and two configurations do not share it.
func TestServers(t *testing.T) {
	f := func(servers, want string) {
		t.Helper()
		c, err := Parse([]byte(strings.Replace(least, `"dir":"d"`, `"dir":"d","clock":{"servers":`+servers+`}`, 1)))
		if got := strings.Join(c.Clock.Servers, " "); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", servers, got, err, want)
		}
	}
	f(`["10.0.0.1"]`, "10.0.0.1")
	f(`[]`, "")
	if c, err := Parse([]byte(least)); err != nil || c.Clock.Servers[0] != "0.vn.pool.ntp.org" {
		t.Errorf("default: got %v, %v, want the pool", c.Clock.Servers, err)
	}
}

// TestPage: the owner's page is served where the box listens to a port of its own or to mirrors that are sent, unless it is off.
func TestPage(t *testing.T) {
	f := func(capture, owner string, page bool, port uint16) {
		t.Helper()
		text := strings.Replace(least, `"capture":{"file":"f"}`, `"capture":`+capture+`,"owner":`+owner, 1)
		c, err := Parse([]byte(text))
		if err != nil || c.Page() != page || c.Owner.Port != port {
			t.Errorf("%s, %s: page %v on port %d, %v, want %v on %d", capture, owner, c.Page(), c.Owner.Port, err, page, port)
		}
	}
	f(`{"interface":"cap0"}`, `{}`, true, 443)
	f(`{"interface":"cap0"}`, `{"port":0}`, true, 443)
	f(`{"interface":"cap0"}`, `{"port":8443}`, true, 8443)
	f(`{"interface":"cap0"}`, `{"off":true}`, false, 443)
	f(`{"interface":"eth0","shared":true}`, `{}`, false, 443)
	f(`{"remote":{"senders":["192.168.88.1"]}}`, `{}`, true, 443)
	f(`{"file":"f"}`, `{}`, false, 443)
}

// TestProfile: what nights are judged by, by category.
func TestProfile(t *testing.T) {
	f := func(cafe, category, window string) {
		t.Helper()
		c, err := Parse([]byte(strings.Replace(least, `"dir":"d"`, `"dir":"d","cafe":`+cafe, 1)))
		p := c.Cafe.Profile()
		if err != nil || string(p.Category) != category || p.Window.String() != window || p.Grace != 10 {
			t.Errorf("%s: %+v, %v, want %s with %q", cafe, p, err, category, window)
		}
	}
	f(`{}`, "game", "22:00-08:00")
	f(`{"category":"","forbidden":""}`, "game", "22:00-08:00")
	f(`{"category":"agent"}`, "agent", "")
	f(`{"category":"agent","forbidden":"23:00-06:00"}`, "agent", "23:00-06:00")
	f(`{"category":"venue"}`, "venue", "")
}

func TestRefuses(t *testing.T) {
	f := func(text, names string) {
		t.Helper()
		_, err := Parse([]byte(text))
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), names) {
			t.Errorf("Parse(%s) = %v, want an error that names %s", text, err, names)
		}
	}
	if _, err := Parse([]byte(`{"dir":"d","capture":{"file":"f","namespace":"","blocks":0},"uplink":{"broker":"tcp://b:1"}}`)); err != nil {
		t.Errorf("a replay without what a port needs: %v", err)
	}
	f(`{"dir":"d","kapture":{}}`, "kapture")
	f(`{"capture":{"file":"f"},"uplink":{"broker":"b"}}`, "dir")
	f(`{"dir":"d","uplink":{"broker":"b"}}`, "capture.file")
	f(`{"dir":"d","capture":{"file":"f","interface":"eth1"},"uplink":{"broker":"b"}}`, "capture.file")
	f(`{"dir":"d","capture":{"interface":"a/b"},"uplink":{"broker":"b"}}`, "capture.interface")
	f(`{"dir":"d","capture":{"interface":"averyveryverylongname"},"uplink":{"broker":"b"}}`, "capture.interface")
	f(`{"dir":"d","capture":{"interface":"eth1","namespace":"../x"},"uplink":{"broker":"b"}}`, "capture.namespace")
	f(`{"dir":"d","capture":{"interface":"eth1","blocks":2},"uplink":{"broker":"b"}}`, "capture.blocks")
	f(strings.Replace(least, `"file":"f"`, `"file":"f","speed":-1`, 1), "speed")
	f(strings.Replace(least, `"dir":"d"`, `"dir":"d","cafe":{"vantage":"Z"}`, 1), "vantage")
	f(strings.Replace(least, `"dir":"d"`, `"dir":"d","cafe":{"silence":"-5m"}`, 1), "negative")
	f(strings.Replace(least, `"dir":"d"`, `"dir":"d","cafe":{"category":"bar"}`, 1), "cafe.category")
	f(strings.Replace(least, `"dir":"d"`, `"dir":"d","cafe":{"forbidden":"22-08"}`, 1), "cafe.forbidden")
	f(strings.Replace(least, `"dir":"d"`, `"dir":"d","cafe":{"category":"venue","forbidden":"22:00-08:00"}`, 1), "no window")
	f(strings.Replace(least, "tcp:", "ssl:", 1), "uplink.tls.enroll")
	f(least+"{}", "behind")
	f(strings.Replace(least, `"dir":"d"`, `"dir":"d","clock":{"servers":["a",""]}`, 1), "clock.servers")
	f(strings.Replace(least, `"dir":"d"`, `"dir":"d","clock":{"servers":["1","2","3","4","5","6","7","8","9"]}`, 1), "clock.servers")
}

// TestRemote: what the sockets are opened with.
func TestRemote(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		c, err := Parse([]byte(strings.Replace(least, `"file":"f"`, `"remote":`+text, 1)))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		allow, r, err := c.Capture.Remote.Source()
		if got := fmt.Sprint(allow, r.Formats, r.TZSP, r.VXLAN, r.Listen, r.VNI); got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	f(`{"senders":["192.168.88.1"]}`, "[192.168.88.1/32] [tzsp vxlan gretap erspan1 erspan2 erspan3] [] [] 0.0.0.0 []")
	f(`{"senders":["10.0.0.8/29","10.1.1.1"],"formats":["tzsp"],"listen":"10.0.0.2"}`, "[10.0.0.8/29 10.1.1.1/32] [tzsp] [] [] 10.0.0.2 []")
	f(`{"senders":["fe80::1"],"formats":["erspan2"]}`, "[fe80::1/128] [erspan2] [] [] :: []")
	f(`{"senders":["10.0.0.1"],"formats":["vxlan:4790","vxlan:4789","tzsp:37009"],"vni":[7]}`,
		"[10.0.0.1/32] [vxlan tzsp] [37009] [4790 4789] 0.0.0.0 [7]")
	c, err := Parse([]byte(strings.Replace(least, `"file":"f"`, `"interface":"eth1","remote":{"senders":["10.0.0.1"]}`, 1)))
	if err != nil || c.Capture.Interface != "eth1" || c.Capture.Remote == nil {
		t.Errorf("beside a port: %+v, %v", c.Capture, err)
	}
}

func TestRemoteRefuses(t *testing.T) {
	f := func(text, names, says string) {
		t.Helper()
		_, err := Parse([]byte(strings.Replace(least, `"file":"f"`, text, 1)))
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), names) || !strings.Contains(err.Error(), says) {
			t.Errorf("Parse(%s) = %v, want an error that names %s and says %s", text, err, names, says)
		}
	}
	const senders = "capture.remote.senders"
	f(`"remote":{}`, senders, `addresses of the routers that send mirrors to the box, as in ["192.168.88.1"]`)
	f(`"remote":{"senders":[]}`, senders, "can make up a café")
	f(`"remote":{"senders":["router"]}`, senders, `"router" to be an address`)
	for _, s := range []string{"", "0.0.0.0", "0.0.0.0/0", "10.0.0.0/23", "224.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "2001:db8::/63", "::/0", "10.0.0.1/33"} {
		f(`"remote":{"senders":["`+s+`"]}`, senders, "an address of a router")
	}
	f(`"remote":{"senders":["10.0.0.1","fe80::1"]}`, senders, "version of IP")
	f(`"remote":{"senders":["10.0.0.1"],"listen":"::"}`, senders, "version of IP")
	f(`"remote":{"senders":["10.0.0.1"],"listen":"eth0"}`, "capture.remote.listen", "an address of the box")
	f(`"remote":{"senders":["10.0.0.1"],"listen":"224.0.0.1"}`, "capture.remote.listen", "an address of the box")
	f(`"remote":{"senders":[`+strings.Repeat(`"10.0.0.1",`, 16)+`"10.0.0.1"]}`, senders, "1 to 16")
	for _, s := range []string{"netflow", "tzsp:", "tzsp:0", "tzsp:65536", "tzsp:x", "erspan2:47", "tzsp:1:2", ""} {
		f(`"remote":{"senders":["10.0.0.1"],"formats":["`+s+`"]}`, "capture.remote.formats", "one of tzsp, vxlan, gretap, erspan1, erspan2, erspan3")
	}
	f(`"remote":{"senders":["10.0.0.1"],"formats":["tzsp:5000","vxlan:5000"]}`, "capture.remote.formats", "each once")
	f(`"remote":{"senders":["10.0.0.1"]},"file":"f"`, "capture.file", "and neither")
	f(`"remote":{"senders":["10.0.0.1"],"port":1}`, "port", "unknown field")
}

// FuzzParse: what is accepted is written and read again as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(least))
	f.Add([]byte(strings.Replace(least, `"file":"f"`, `"remote":{"senders":["10.0.0.0/24"],"formats":["tzsp:1"],"vni":[]}`, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			return
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(text); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%s reads as %+v, %v; want %+v", text, again, err, c)
		}
	})
}
