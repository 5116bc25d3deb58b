package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"log/slog"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cafeprobe/firmware/config"
	"cafeprobe/firmware/initctl"
)

// TestRemoveSettings: a reset takes who the box works for, and leaves its keys and what it has recorded.
func TestRemoveSettings(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"config.json", "net.json", "state/identity.json", "state/spool.db", "state/tls/ca.pem", "state/tls/box.key", "state/settings.json",
		"state/owner.json", "state/owner.pem",
		"past/b-00000009-x/spool.db",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := removeSettings(dir); err != nil {
			t.Fatal(err)
		}
	}
	var left []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			left = append(left, path)
		}
		return err
	})
	want := []string{"past/b-00000009-x/spool.db", "state/identity.json", "state/spool.db"}
	if err != nil || !slices.Equal(left, want) {
		t.Errorf("left %q, %v, want %q", left, err, want)
	}
}

// TestPageOf: PID 1 reads from a configuration what the daemon does.
func TestPageOf(t *testing.T) {
	for _, capture := range []string{
		`{"interface":"cap0"}`, `{"interface":"eth0","shared":true}`, `{"file":"x.pcap"}`, `{"remote":{"senders":["10.0.0.1"]}}`,
	} {
		for _, owner := range []string{`{}`, `{"off":true}`, `{"port":0}`, `{"port":8443}`} {
			text := []byte(`{"dir":"d","capture":` + capture + `,"uplink":{"broker":"tcp://b:1"},"owner":` + owner + `}`)
			c, err := config.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			page, port, err := pageOf(text)
			if err != nil || page != c.Page() || port != c.Owner.Port {
				t.Errorf("%s: page %v on port %d, %v, want %v on %d", text, page, port, err, c.Page(), c.Owner.Port)
			}
		}
	}
}

func TestPageHost(t *testing.T) {
	f := func(address string, port uint16, want string) {
		t.Helper()
		if got := pageHost(netip.MustParseAddr(address), port); got != want {
			t.Errorf("%s port %d: %s, want %s", address, port, got, want)
		}
	}
	f("192.168.1.10", 443, "192.168.1.10")
	f("192.168.1.10", 8443, "192.168.1.10:8443")
	f("fd00::1", 443, "[fd00::1]")
}

// TestRestart: that the box starts itself anew is noted once, for one boot.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restart")
	f := func(name string, want bool) {
		t.Helper()
		if got, err := takeRestart(path); got != want || err != nil {
			t.Errorf("%s: restarted %v, %v, want %v", name, got, err, want)
		}
	}
	f("switched on", false)
	if err := noteRestart(path); err != nil {
		t.Fatal(err)
	}
	f("started anew", true)
	f("switched on again", false)
}

// TestOpenSetup: the setup of the owner's page is told to who listens now and to who comes later, for ten minutes.
func TestOpenSetup(t *testing.T) {
	b := newBox(slog.New(slog.DiscardHandler))
	b.openSetup(time.Minute, false)
	if want := (initctl.Setup{Until: 660_000}); b.setupUntil != want {
		t.Errorf("%+v, want %+v", b.setupUntil, want)
	}
	var told []initctl.Setup
	b.setup = func(s initctl.Setup) { told = append(told, s) }
	b.openSetup(2*time.Minute, true)
	if want := (initctl.Setup{Until: 720_000, Button: true}); len(told) != 1 || told[0] != want || b.setupUntil != want {
		t.Errorf("told %+v, %+v, want %+v once", told, b.setupUntil, want)
	}
}

// TestCertificates: what a technician gives for the province's CA is certificates and nothing else.
func TestCertificates(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	good := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	f := func(name, text string, ok bool) {
		t.Helper()
		if err := certificates([]byte(text)); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("one", good, true)
	f("two", good+"\n"+good, true)
	f("none", "", false)
	f("words behind it", good+"x", false)
	f("a key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), false)
	f("no certificate inside", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), false)
}
