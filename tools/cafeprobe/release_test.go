package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/slot"
	"cafeprobe/firmware/update"
	"cafeprobe/firmware/update/fetch"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/tools/province/store"
	"cafeprobe/tools/release"
)

// TestReleaseWay is the way of a release: an image that was tested is signed, a province serves the folder beside enrolment, and a box takes
// it from there.
func TestReleaseWay(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	fw := bytes.Repeat([]byte("firmware"), 50_000)
	sum := sha256.Sum256(fw)
	record := fmt.Sprintf(`{"format":%q,"board":"rpi4","commit":"abc","images":{"slot.fit":"%x"},"began":"2026-11-28T03:00:00Z",
		"ended":"2026-11-28T03:10:00Z","suites":[`, release.RecordFormat, sum)
	for i, s := range release.Suites {
		record += strings.Repeat(",", min(i, 1)) + fmt.Sprintf(`{"name":%q,"result":"pass","tests":2}`, s)
	}
	manifest := fmt.Sprintf(`{"release":{"version":"2026.12.0","number":12,"board":"rpi4","commit":"abc"},
		"files":[{"name":"slot.fit","sha256":"%x"}]}`, sum)
	for name, text := range map[string]string{"tests.json": record + "]}", "manifest.json": manifest, "slot.fit": string(fw), "slot": "old"} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := releaseFolder{Repo: at("repo"), Keys: at("keys")}
	if err := (&releaseInitCmd{folder}).Run(); err != nil {
		t.Fatal(err)
	}
	sign := releaseSignCmd{releaseFolder: folder, Tests: at("none.json"), Image: dir}
	if err := sign.run(&bytes.Buffer{}, time.Now()); err == nil || !strings.Contains(err.Error(), "run the tests") {
		t.Errorf("signed without a record: %v", err)
	}
	sign.Tests = at("tests.json")
	if err := sign.run(&bytes.Buffer{}, time.Now()); err != nil {
		t.Fatal(err)
	}

	p, err := province.New(province.Config{
		Dir: at("province"), Province: "demo", MQTT: "127.0.0.1:0", Web: "127.0.0.1:0", Secure: &province.Secure{}, Releases: folder.Repo,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	defer func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	root, err := os.ReadFile(filepath.Join(at("province"), province.CADir, ca.RootFile))
	if err != nil {
		t.Fatal(err)
	}
	place, err := os.OpenFile(at("slot"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	job := update.Job{
		Offer: update.Offer{Version: "2026.12.0", URL: p.ReleaseURL(), CA: string(root)}, Root: filepath.Join(folder.Repo, "1.root.json"),
		Dir: at("seen"), Now: time.Now().UnixMilli(), Board: "rpi4", Slot: "b", Number: 11,
	}
	child := func() update.Report {
		t.Helper()
		in, err := json.Marshal(job)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := fetch.Child(ctx, bytes.NewReader(in), &out, func() slot.Place { return place }); err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		r, err := update.ParseReport(lines[len(lines)-1])
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if job.Found = child().Found; job.Found == nil {
		t.Fatal("the box found nothing")
	}
	if r := child(); !r.Written || slot.Verify(place, int64(len(fw)), sum) != nil {
		t.Errorf("reported %+v", r)
	}
}

// TestOffer: each box that is to have a firmware gets one command, and who got it at few percent is among those at more.
func TestOffer(t *testing.T) {
	dir := t.TempDir()
	p, stop := provincetest.Run(t, province.Config{Dir: dir, Province: "demo"})
	stop()
	s, _, err := province.OpenBeside(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const boxes = 100
	err = s.Update(func(tx *store.Tx) error {
		for i := range boxes {
			box := fmt.Sprintf("b-%08x", i)
			if err := tx.Heard(box, "0", time.Now()); err != nil {
				return err
			}
			c, err := tx.NewChain(box, "k3v9Qd2x", make([]byte, 32), p.PublicKey(), time.Now())
			if err != nil {
				return err
			}
			if c.Stored = uint64(i % 50); i >= 50 { // one of them has sent nothing yet
				c.Stored++
			}
			if err := tx.SetChain(c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f := func(c offerCmd, want string) {
		t.Helper()
		c.Dir, c.Valid, c.URL, c.Version = dir, time.Hour, "https://h/release/", "2026.12.0"
		var out bytes.Buffer
		if err := c.run(t.Context(), &out); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%d %%: %q, %v, want %q", c.Percent, out.String(), err, want)
		}
	}
	took := func() (n int) {
		t.Helper()
		for i := range boxes {
			ch, err := s.ChainOf(t.Context(), fmt.Sprintf("b-%08x", i), "")
			if err != nil {
				t.Fatal(err)
			}
			list, err := s.Commands(t.Context(), ch)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				a, err := update.ParseAnnouncement(c.Args)
				if err != nil || update.Ring(ch.Box, a.Version) >= a.Percent {
					t.Errorf("%s got %s, %v", ch.Box, c.Args, err)
				}
			}
			n += min(1, len(list))
		}
		return n
	}
	in := func(percent int) (n int) {
		for i := 1; i < boxes; i++ {
			if update.Ring(fmt.Sprintf("b-%08x", i), "2026.12.0") < percent {
				n++
			}
		}
		return n
	}
	for _, percent := range []int{10, 40, 100} {
		f(offerCmd{Percent: percent}, fmt.Sprintf("offered to %d of %d boxes", in(percent), boxes-1))
		if got := took(); got != in(percent) {
			t.Errorf("%d %%: %d boxes have it, want %d", percent, got, in(percent))
		}
	}
	f(offerCmd{Percent: 100, Boxes: []string{"b-00000007"}}, "offered to 1 of 1 boxes")
}

func TestOfferRefuses(t *testing.T) {
	f := func(want string, c offerCmd) {
		t.Helper()
		c.Dir, c.Valid = t.TempDir(), time.Hour
		if err := c.run(t.Context(), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
	f("https", offerCmd{URL: "http://h/release/", Percent: 100, Version: "1"})
	f("percent", offerCmd{URL: "https://h/release/", Percent: 101, Version: "1"})
	f("province", offerCmd{URL: "https://h/release/", Percent: 1, Version: "1"})
}
