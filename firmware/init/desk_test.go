package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestRemoveSettings: a reset takes who the box works for, and leaves its keys and what it has recorded.
func TestRemoveSettings(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"config.json", "net.json", "state/identity.json", "state/spool.db", "state/tls/ca.pem", "state/tls/box.key", "state/settings.json",
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
