package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cafeprobe/tools/province"
	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/province/mosquitto"
)

// TestCertificateCommands: without a CA the commands say how to get one; with one they do what they say.
func TestCertificateCommands(t *testing.T) {
	dir := t.TempDir()
	if err := (&claimCmd{Dir: dir, Box: "b-00000001"}).Run(); err == nil || !strings.Contains(err.Error(), "--tls") {
		t.Errorf("claim without a CA: %v, want an error that says how it is made", err)
	}
	out := filepath.Join(dir, "mosquitto")
	m := &mosquittoCmd{Dir: dir, Name: "ha-giang", Out: out, Listen: "127.0.0.1:8883"}
	if err := m.Run(); err != nil {
		t.Fatal(err)
	}
	acl, err := os.ReadFile(filepath.Join(out, "acl"))
	if err != nil || !strings.Contains(string(acl), "\npattern write cafeprobe/v1/ha-giang/+/%u/up/#\n") {
		t.Errorf("rights %s, %v, want a box's own topics", acl, err)
	}
	collector, err := os.ReadFile(filepath.Join(out, "collector.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Run(); err != nil { // again: what people hold stays good
		t.Fatal(err)
	}
	if again, err := os.ReadFile(filepath.Join(out, "collector.pem")); err != nil || string(again) != string(collector) {
		t.Errorf("the collector's certificate was replaced by a second run (%v)", err)
	}
	if err := (&claimCmd{Dir: dir, Box: "b-1"}).Run(); err == nil {
		t.Error("a claim code for b-1, which is no box id")
	}
	if err := (&claimCmd{Dir: dir, Box: "b-00000001"}).Run(); err != nil {
		t.Error(err)
	}
	revoke := &revokeCmd{Dir: dir, What: "collector"}
	if err := revoke.Run(); err != nil {
		t.Error(err)
	}
	if err := revoke.Run(); !errors.Is(err, ca.ErrNothing) {
		t.Errorf("revoked twice: %v, want %v", err, ca.ErrNothing)
	}
	if _, err := os.Stat(filepath.Join(dir, province.CADir, ca.CRLFile)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(out, mosquitto.ConfigFile)); err != nil {
		t.Error(err)
	}
	if err := m.Run(); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(filepath.Join(out, "collector.pem")); err != nil || string(again) == string(collector) {
		t.Errorf("a revoked certificate was left in place (%v)", err)
	}
}
