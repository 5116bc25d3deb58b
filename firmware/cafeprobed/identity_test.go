package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"testing"

	"cafeprobe/firmware/config"
)

// TestIdentityOf: a box makes its keys once, and never anew while it has some.
func TestIdentityOf(t *testing.T) {
	province, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Config{Dir: t.TempDir()}
	if _, err := identityOf(&cfg); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a box that nobody provisioned: %v, want fs.ErrNotExist", err)
	}
	cfg.Box = &config.Box{Province: "hue", ID: "b-00000007", Key: base64.RawURLEncoding.EncodeToString(province)}
	first, err := identityOf(&cfg)
	if err != nil || first.Box != "b-00000007" || first.Province != "hue" || !first.ProvinceKey.Equal(province) {
		t.Fatalf("new identity of %s, %v, want hue/b-00000007's", first.Address, err)
	}
	cfg.Box.ID = "b-00000008"
	if again, err := identityOf(&cfg); err != nil || !again.Key.Equal(first.Key) || again.Box != first.Box {
		t.Errorf("then %s, %v, want the same as before", again.Address, err)
	}
}
