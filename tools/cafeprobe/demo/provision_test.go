package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/image"
	"cafeprobe/firmware/init/commission"
	"cafeprobe/firmware/vm"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/tools/provision"
	"cafeprobe/uplink/fingerprint"
)

// TestEmulateProvision: a box that boots the image and knows nothing becomes a café's over its serial console, up to its first receipt; then
// it is locked, and a technician's certificate opens it.
func TestEmulateProvision(t *testing.T) {
	long(t, "two minutes")
	dir := t.TempDir()
	img := build(t, image.Config{Board: "qemu-arm64", Out: filepath.Join(dir, "image"), Version: "2026.11.0", Number: 11})
	p, _ := provincetest.Run(t, provinceIn(dir, ""))
	card := filepath.Join(dir, "card.img")
	if err := blank(t.Context(), img, card); err != nil {
		t.Fatal(err)
	}
	c, err := machine(dir, img, card)
	if err != nil {
		t.Fatal(err)
	}
	m, err := vm.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	defer func() {
		if t.Failed() {
			t.Logf("the console ends with:\n%s", m.Serial.Tail())
		}
	}()

	// QEMU keeps what is typed before there is a boot loader to hear it; a cable does not.
	ctx, stop := context.WithTimeout(t.Context(), bootTime)
	defer stop()
	if _, err := m.Serial.Expect(ctx, "U-Boot"); err != nil {
		t.Fatal(err)
	}
	box := room(t, p, dir)
	files, err := box.Files()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	note := func(format string, args ...any) {
		t.Logf("%5.1f s %s", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	var labels []commission.Label
	cfg := provision.Config{
		Label: func(l commission.Label) error { labels = append(labels, l); return nil },
		Files: files, Box: box.ID, By: "laptop", Patience: bootTime, Receipt: bootTime,
		Open: func() (io.ReadWriteCloser, error) { return m.Serial.Port(), nil },
		Tell: func(s provision.Step) {
			if s.Stage != provision.Looking && s.Stage != provision.Reporting {
				note("stage %d, %d of %d, %v", s.Stage, s.Done, s.Total, s.Err)
			}
		},
	}
	h, err := provision.Give(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if h.Box != string(address.Box) || h.Fingerprint != fingerprint.Of(h.Key) {
		t.Errorf("the box says it is %+v", h)
	}
	if len(labels) != 1 || labels[0].Box != h.Box || !bytes.Equal(labels[0].Key, h.Key) || labels[0].Address != "https://10.0.2.15" ||
		!regexp.MustCompile(`^[0-9A-Z]{5}-[0-9A-Z]{5}$`).MatchString(labels[0].Code) ||
		len(strings.Fields(labels[0].Page)) != fingerprint.Syllables {
		t.Errorf("labels %+v", labels)
	}
	if err := records(ctx, p, 1); err != nil {
		t.Fatal(err)
	}
	note("the province holds a record; fingerprint %s", h.Fingerprint)

	// Other settings: the box is in use.
	box.Category = "agent"
	if cfg.Files, err = box.Files(); err != nil {
		t.Fatal(err)
	}
	cfg.Patience, cfg.Receipt = 3*time.Second, 0
	if _, err := provision.Give(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "hold its button") {
		t.Errorf("a box in use takes settings from anybody: %v", err)
	}
	if cfg.Certificate, err = p.CA().Technician("lan", time.Hour); err != nil {
		t.Fatal(err)
	}
	cfg.Patience, cfg.Receipt = time.Minute, bootTime
	if _, err := provision.Give(t.Context(), cfg); err != nil {
		t.Errorf("with a technician's certificate: %v", err)
	}
	if len(labels) != 2 || labels[0].Code != labels[1].Code || labels[0].Page != labels[1].Page {
		t.Errorf("labels %+v, want the same again", labels)
	}
	note("other settings, by a technician's certificate")
	if sent, _ := m.Capture.FromBox(); sent != 0 {
		t.Errorf("%d frames left the capture port", sent)
	}
}

// room is a box of a room file, as a province writes it.
func room(t *testing.T, p *province.Province, dir string) provision.Box {
	t.Helper()
	claim, err := p.CA().NewClaim(address.Box, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, p.CA().Root(), 0o644); err != nil {
		t.Fatal(err)
	}
	return provision.Box{
		ID: string(address.Box), Province: string(address.Province), Key: base64.RawURLEncoding.EncodeToString(p.PublicKey()),
		Broker: broker(p), Enroll: enroll(p), Claim: claim, CA: ca,
		NTP: []string{},
	}
}
