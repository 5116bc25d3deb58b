package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/firmware/account"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/config"
	"cafeprobe/firmware/pipeline"
	"cafeprobe/uplink"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// frames is a source of frames in memory.
type frames []capture.Frame

func (s *frames) Next(f *capture.Frame) error {
	if len(*s) == 0 {
		return io.EOF
	}
	*f, *s = (*s)[0], (*s)[1:]
	return nil
}

// listens returns what a box hears of five computers for 20 minutes from at on: each asks for the router every 30 s, and behind
// a mirror talks to a server in between.
func listens(t *testing.T, at time.Duration, mirrored bool) *frames {
	t.Helper()
	var list frames
	router, server := capturetest.Router(), capturetest.Server()
	add := func(s time.Duration, data []byte) {
		f := capturetest.Frame(data)
		f.Time += int64(at + s)
		list = append(list, f)
	}
	for s := time.Duration(0); s < 20*time.Minute; s += 30 * time.Second {
		for i := range byte(5) {
			pc := capturetest.PC(i)
			add(s, capturetest.ARP(t, 1, pc, router))
			if mirrored {
				add(s, capturetest.UDP(t, pc, server, 50000, 5107, make([]byte, 60)))
				add(s, capturetest.UDP(t, server, pc, 5107, 50000, make([]byte, 60)))
			}
		}
	}
	return &list
}

// classes runs a life of d over what it hears, and returns the classes that its records tell, one after the other.
func classes(t *testing.T, d *daemon, id spool.Identity, src *frames) (list []string) {
	t.Helper()
	for _, body := range tells(t, d, id, src) {
		if v, ok := body.(*uplink.Vantage); ok {
			list = append(list, v.Class)
		}
	}
	return list
}

// tells runs a life of d over what it hears, and returns what its records tell.
func tells(t *testing.T, d *daemon, id spool.Identity, src *frames) (list []uplink.Body) {
	t.Helper()
	sp, err := spool.Open(d.cfg.Dir, id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	head := sp.Head().Seq
	book, err := d.newBook(sp, forward.New(sp, forward.Config{}), "")
	if err != nil {
		t.Fatal(err)
	}
	p := pipeline.New(pipeline.Config{
		Cafe: d.cafe(&id), Sink: book,
		Account: account.Config{Secret: id.Secret, Quality: uplink.QualitySync, Window: time.Minute},
	})
	if err := p.Run(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	if err := sp.Commit(); err != nil {
		t.Fatal(err)
	}
	rs, err := sp.Read(head+1, 1<<20, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		body, err := r.Body()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, body)
	}
	return list
}

// TestMirrorOverARestart: a mirror that one life of the daemon has heard, and the next does not, is gone and no plain port.
// Whoever provisions the box anew begins anew.
func TestMirrorOverARestart(t *testing.T) {
	id := newBox(t).id
	d := &daemon{
		cfg:  config.Config{Dir: t.TempDir(), Cafe: config.Cafe{Vantage: "auto", Summary: config.Duration(time.Minute)}},
		log:  slog.New(slog.DiscardHandler),
		port: &port{},
	}
	f := func(name string, id spool.Identity, at time.Duration, mirrored bool, want ...string) {
		t.Helper()
		got := classes(t, d, id, listens(t, at, mirrored))
		last := func(list []string) string {
			if len(list) == 0 {
				return ""
			}
			return list[len(list)-1]
		}
		if last(got) != last(want) || len(want) > 1 && got[0] != want[0] {
			t.Errorf("%s: vantage %v, want %v", name, got, want)
		}
		for _, v := range got {
			if v == "C" && last(want) == "BLIND" {
				t.Errorf("%s: vantage %v, want no C", name, got)
			}
		}
	}
	f("a plain port", id, 0, false, "C")
	f("a mirror", id, time.Hour, true, "A")
	f("removed while the box was off", id, 2*time.Hour, false, "A", "BLIND")
	f("still gone", id, 3*time.Hour, false, "BLIND", "BLIND")
	f("back", id, 4*time.Hour, true, "BLIND", "A")

	path := filepath.Join(d.cfg.Dir, mirrorFile)
	if got, want := loadMirror(d.cfg.Dir, id.Chain, d.log), (cafe.Mirror{Settled: true}); got != want {
		t.Errorf("%+v is kept, want %+v", got, want)
	}
	if got := loadMirror(d.cfg.Dir, "another1", d.log); got != (cafe.Mirror{}) {
		t.Errorf("%+v is kept of another chain, want nothing", got)
	}
	long := `{"ch":"` + string(id.Chain) + `","settled":true}` + strings.Repeat(" ", maxMirrorFile)
	for _, text := range []string{"", "{", "[]", `{"ch":7}`, long} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := loadMirror(d.cfg.Dir, id.Chain, d.log); got != (cafe.Mirror{}) {
			t.Errorf("%.20q: %+v is read, want nothing", text, got)
		}
	}
	if err := saveMirror(d.cfg.Dir, id.Chain, cafe.Mirror{Settled: true}); err != nil {
		t.Fatal(err)
	}
	d.cfg.Cafe.Vantage = "C"
	f("the technician says that it is a plain port", id, 5*time.Hour, false, "C")
	d.cfg.Cafe.Vantage = "auto"
	f("and lets it be judged again", id, 6*time.Hour, false, "C")
}
