package config

import (
	"encoding/json"
	"errors"
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
	f(strings.Replace(least, "tcp:", "ssl:", 1), "uplink.tls.enroll")
	f(least+"{}", "behind")
	f(strings.Replace(least, `"dir":"d"`, `"dir":"d","clock":{"servers":["a",""]}`, 1), "clock.servers")
	f(strings.Replace(least, `"dir":"d"`, `"dir":"d","clock":{"servers":["1","2","3","4","5","6","7","8","9"]}`, 1), "clock.servers")
}

// FuzzParse: what is accepted is written and read again as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(least))
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
