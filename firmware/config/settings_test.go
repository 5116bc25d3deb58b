package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
)

func base(t *testing.T) Config {
	t.Helper()
	c, err := Parse([]byte(`{"dir":` + `"` + t.TempDir() + `","capture":{"file":"x"},"uplink":{"broker":"tcp://127.0.0.1:1883"}}`))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSettings(t *testing.T) {
	c := base(t)
	s, err := ParseSettings([]byte(`{"cafe":{"silence":"6m","vantage":"auto","category":"agent","forbidden":"23:00-06:00"},"uplink":{"delay":"0s"}}`))
	if err != nil {
		t.Fatal(err)
	}
	next, changed, err := c.With(s)
	if want := []string{"cafe.silence", "cafe.category", "cafe.forbidden", "uplink.delay"}; err != nil || !slices.Equal(changed, want) {
		t.Fatalf("changed %v, %v, want %v", changed, err, want)
	}
	if err := next.Keep(); err != nil {
		t.Fatal(err)
	}
	again, err := c.WithSettings()
	if err != nil || !reflect.DeepEqual(again, next) || time.Duration(again.Cafe.Silence) != 6*time.Minute || again.Cafe.Profile().Window.String() != "23:00-06:00" {
		t.Errorf("read back as %+v, %v, want %+v", again, err, next)
	}
}

func TestSettingsRefused(t *testing.T) {
	c := base(t)
	for _, text := range []string{
		``, `[]`, `{"uplink":{"broker":"tcp://evil:1883"}}`, `{"dir":"/"}`, `{"capture":{"file":"/etc/passwd"}}`,
		`{"capture":{"remote":{"senders":["6.6.6.6"]}}}`, `{"capture":{"remote":{"formats":["tzsp"]}}}`, `{"capture":{"remote":null}}`,
		`{"cafe":{"silence":"-1s"}}`, `{"cafe":{"silence":"0s"}}`, `{"cafe":{"vantage":"B"}}`, `{"cafe":{"category":"bar"}}`,
		`{"cafe":{"category":"venue","forbidden":"22:00-08:00"}}`, `{"cafe":{"forbidden":"22:00-22:00"}}`, `{"cafe":{}} {}`,
	} {
		s, err := ParseSettings([]byte(text))
		if err == nil {
			_, _, err = c.With(s)
		}
		if !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v, want %v", text, err, ErrConfig)
		}
	}
	if err := os.WriteFile(filepath.Join(c.Dir, SettingsFile), []byte(`{"cafe":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := c.WithSettings(); !errors.Is(err, ErrConfig) || !reflect.DeepEqual(got, c) {
		t.Errorf("a spoilt file gives %+v, %v, want the configuration as it was, and an error", got, err)
	}
}

// FuzzSettings: whatever is set, what must not change does not, and what is kept reads back the same.
func FuzzSettings(f *testing.F) {
	f.Add([]byte(`{"cafe":{"silence":"6m"},"uplink":{"delay":"1m"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := Config{Dir: "d", Capture: Capture{File: "x", Quality: "none"}, Uplink: Uplink{Broker: "tcp://127.0.0.1:1883"}}
		s, err := ParseSettings(b)
		if err != nil {
			return
		}
		next, _, err := c.With(s)
		if err == nil && (next.Dir != c.Dir || next.Capture != c.Capture || next.Uplink.Broker != c.Uplink.Broker || next.Uplink.TLS != c.Uplink.TLS) {
			t.Errorf("%s changes %+v into %+v", b, c, next)
		}
	})
}
