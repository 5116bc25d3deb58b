package config

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

const least = `{"dir":"d","capture":{"file":"f"},"uplink":{"broker":"tcp://127.0.0.1:1883"}}`

func TestLeast(t *testing.T) {
	c, err := Parse([]byte(least))
	if err != nil || c.Capture.Quality != "coarse" || c.Cafe.Vantage != "auto" || c.Cafe.Grade() != "" {
		t.Errorf("config %+v, %v", c, err)
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
	f(`{"dir":"d","kapture":{}}`, "kapture")
	f(`{"capture":{"file":"f"},"uplink":{"broker":"b"}}`, "dir")
	f(`{"dir":"d","uplink":{"broker":"b"}}`, "capture.file")
	f(strings.Replace(least, `"file":"f"`, `"file":"f","speed":-1`, 1), "speed")
	f(strings.Replace(least, `"dir":"d"`, `"dir":"d","cafe":{"vantage":"Z"}`, 1), "vantage")
	f(strings.Replace(least, `"dir":"d"`, `"dir":"d","cafe":{"silence":"-5m"}`, 1), "negative")
	f(strings.Replace(least, "tcp:", "ssl:", 1), "uplink.tls.enroll")
	f(least+"{}", "behind")
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
		if again, err := Parse(text); err != nil || again != c {
			t.Errorf("%s reads as %+v, %v; want %+v", text, again, err, c)
		}
	})
}
