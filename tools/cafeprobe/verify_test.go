package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/ledger"
	"cafeprobe/firmware/proof"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// closedNight returns a proof, and the key that signed it.
func closedNight(t *testing.T) (pdf []byte, key string) {
	t.Helper()
	province, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000002"}, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	id, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, province.Public())
	if err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(t.TempDir(), id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	night := hours.Date(20780)
	at := func(h int) uplink.Stamp {
		d := time.Duration(h) * time.Hour
		return uplink.Stamp{Mono: uplink.Int(d.Milliseconds()), Time: uplink.TimeOf(night.Start().Add(d)), Quality: uplink.QualitySync}
	}
	p, err := hours.NewProfile(hours.Game, hours.Window{}, hours.Grace)
	if err != nil {
		t.Fatal(err)
	}
	bodies := []uplink.Body{&uplink.Boot{Stamp: at(20), Firmware: "1"}, &uplink.Vantage{Stamp: at(21), Class: "A", Confidence: 97}}
	for h := range 12 {
		bodies = append(bodies, &uplink.Anchor{Stamp: at(22 + h), Source: "ntp"})
	}
	for _, b := range bodies {
		r, err := uplink.Encode(b)
		if err == nil {
			_, err = sp.Append(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := sp.Commit(); err != nil {
		t.Fatal(err)
	}
	l := ledger.New(p)
	rs, err := sp.Read(1, 100, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		l.Take(r)
	}
	first, last, _ := l.Records(night)
	var b bytes.Buffer
	err = proof.Write(t.Context(), &b, &proof.Source{
		Address: id.Address, Chain: id.Chain, Key: id.Key, ReceiptKey: id.ProvinceKey, Profile: p, Records: sp, First: first, Last: last,
		Boot: sp.Boot(), Now: at(60),
	}, night)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), base64.RawURLEncoding.EncodeToString(id.Public())
}

// TestVerifyProof: the command tells a proof from an export by itself, says what it proves, and refuses one that was changed, or of another
// box than the registry's.
func TestVerifyProof(t *testing.T) {
	pdf, key := closedNight(t)
	path := filepath.Join(t.TempDir(), "night.pdf")
	f := func(name string, b []byte, c verifyCmd, ok bool) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c.File = path
		if err := c.Run(); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("sound", pdf, verifyCmd{}, true)
	f("sound, as JSON", pdf, verifyCmd{JSON: true}, true)
	f("the registry's key", pdf, verifyCmd{Key: key}, true)
	f("another key", pdf, verifyCmd{Key: strings.Repeat("A", 43)}, false)
	changed := bytes.Clone(pdf)
	changed[len(changed)/2] ^= 1
	f("changed", changed, verifyCmd{}, false)

	r, err := proof.Verify(bytes.NewReader(pdf))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	printProof(&out, r, key, false)
	for _, want := range []string{
		"box      b-00000001 of demo", "compare it with the registry", "night    of 2026-11-23, 22:00-08:00 (2026-11-23 22:00 to 2026-11-24 08:00",
		"verdict  closed: of 600 minutes seen 600,", "use      0 station-minutes",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
	if _, err := proof.Verify(bytes.NewReader(changed)); !errors.Is(err, proof.ErrProof) {
		t.Error(err)
	}
}
