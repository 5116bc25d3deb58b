package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cafeprobe/firmware/slot"
	"cafeprobe/firmware/update"
	"cafeprobe/tools/release"
)

// day is when the tests' releases are signed.
var day = time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)

const (
	board    = "qemu-arm64"
	slotSize = 1 << 20
)

// lab is a folder of releases, its server and a box.
type lab struct {
	t          *testing.T
	repo, keys string
	r          *release.Repo
	server     *httptest.Server
	job        update.Job
	place      *os.File
	serve      func(w http.ResponseWriter, r *http.Request) bool // nil, or what is served instead; false: the file
	served     []string                                          // requests, with their range
}

func newLab(t *testing.T) *lab {
	t.Helper()
	dir := t.TempDir()
	l := &lab{t: t, repo: filepath.Join(dir, "repo"), keys: filepath.Join(dir, "keys")}
	var err error
	if l.r, err = release.Init(l.repo, l.keys, day); err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(l.repo))
	l.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.served = append(l.served, r.URL.Path+" "+r.Header.Get("Range"))
		if l.serve == nil || !l.serve(w, r) {
			files.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(l.server.Close)
	root := filepath.Join(dir, "root.json")
	copyFile(t, l.r.RootFile(), root)
	if l.place, err = os.Create(filepath.Join(dir, "slot")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.place.Close() })
	if _, err := l.place.Write(bytes.Repeat([]byte("old "), slotSize/4)); err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.server.Certificate().Raw})
	l.job = update.Job{
		Offer: update.Offer{Version: "2026.12.0", URL: l.server.URL + "/", CA: string(ca)},
		Root:  root, Dir: filepath.Join(dir, "seen"), Now: day.UnixMilli(), Board: board, Slot: "b", Number: 11, Room: slotSize,
	}
	return l
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// firmware is octets of a firmware.
func firmware(seed uint64, size int) []byte {
	b := make([]byte, size)
	rng := rand.New(rand.NewPCG(seed, 3))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// add releases a firmware.
func (l *lab) add(board, version string, number uint64, fw []byte) {
	l.t.Helper()
	dir := l.t.TempDir()
	of := map[string]any{"version": version, "number": number, "board": board, "commit": "abc"}
	sum := update.Sum(sha256.Sum256(fw))
	text, err := json.Marshal(map[string]any{"release": of, "files": []any{map[string]any{"name": "slot.fit", "sha256": sum}}})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "slot.fit"), fw, 0o644)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	image, err := release.ReadImage(dir)
	if err != nil {
		l.t.Fatal(err)
	}
	rec := &release.Record{
		Format: release.RecordFormat, Board: board, Commit: "abc", Images: map[string]update.Sum{"slot.fit": sum}, Began: day, Ended: day,
	}
	for _, s := range release.Suites {
		rec.Suites = append(rec.Suites, release.Suite{Name: s, Result: release.Pass, Tests: 1})
	}
	if err := l.r.Add(image, rec, day); err != nil {
		l.t.Fatal(err)
	}
}

// child does one job as PID 1 has it done, and returns what was reported last.
func (l *lab) child(job update.Job, place slot.Place) update.Report {
	l.t.Helper()
	in, err := json.Marshal(job)
	if err != nil {
		l.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Child(context.Background(), bytes.NewReader(in), &out, func() slot.Place { return place }); err != nil {
		l.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	r, err := update.ParseReport([]byte(lines[len(lines)-1]))
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// run looks for the firmware and writes it.
func (l *lab) run() update.Report {
	l.t.Helper()
	r := l.child(l.job, nil)
	if r.Found == nil {
		return r
	}
	job := l.job
	job.Found = r.Found
	return l.child(job, l.place)
}

// head returns what the slot begins with.
func (l *lab) head() []byte {
	b := make([]byte, slot.Head)
	if _, err := l.place.ReadAt(b, 0); err != nil {
		l.t.Fatal(err)
	}
	return b
}

// taken fails the test unless the firmware is in the slot.
func (l *lab) taken(fw []byte) {
	l.t.Helper()
	if r := l.run(); !r.Written {
		l.t.Fatalf("reported %+v, want it written", r)
	}
	got := make([]byte, len(fw))
	if _, err := l.place.ReadAt(got, 0); err != nil || !bytes.Equal(got, fw) {
		l.t.Errorf("the slot does not hold the firmware, %v", err)
	}
}

// refused fails the test unless the firmware is refused, with a reason that a security record is made of, and nothing new boots.
func (l *lab) refused(why update.Why, security string) {
	l.t.Helper()
	r := l.run()
	if r.Why != why || r.Why.Security() != security {
		l.t.Errorf("reported %+v, security record %q; want %s, %q", r, r.Why.Security(), why, security)
	}
	if h := l.head(); !bytes.HasPrefix(h, []byte("old ")) && !bytes.Equal(h, make([]byte, slot.Head)) {
		l.t.Errorf("the slot begins with %x", h[:16])
	}
}

func TestFetch(t *testing.T) {
	l := newLab(t)
	fw := firmware(1, 300_001)
	l.add(board, "2026.12.0", 12, fw)
	l.add("rpi4", "2026.12.0", 12, firmware(2, 9000))
	l.taken(fw)
	l.job.Number = 12
	if r := l.run(); r.Why != update.Current || r.Why.Security() != "" {
		t.Errorf("what runs already: %+v, want %s and no security record", r, update.Current)
	}
	l.job.Offer.Version = "2027.1.0"
	if r := l.run(); r.Why != update.Absent || r.Why.Security() != "" {
		t.Errorf("no such release: %+v, want %s and no security record", r, update.Absent)
	}
}

// TestNewest: a stick says no version, and the newest is taken.
func TestNewest(t *testing.T) {
	l := newLab(t)
	l.add(board, "2026.12.0", 12, firmware(1, 9000))
	fw := firmware(2, 10_000)
	l.add(board, "2026.12.1", 13, fw)
	l.job.Offer = update.Offer{Folder: l.repo}
	l.taken(fw)
	if len(l.served) > 0 {
		t.Errorf("a stick, and the server was asked for %q", l.served)
	}
}

// TestResumed: a line on which every connection breaks brings the firmware all the same, and no octet of it twice.
func TestResumed(t *testing.T) {
	l := newLab(t)
	fw := firmware(1, 300_001)
	l.add(board, "2026.12.0", 12, fw)
	sent := 0
	l.serve = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/targets/") {
			return false
		}
		from := 0
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(fw)-1, len(fw)))
			w.WriteHeader(http.StatusPartialContent)
		}
		n, _ := w.Write(fw[from:min(from+70_000, len(fw))])
		sent += n
		if from+n < len(fw) {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		return true
	}
	l.server.Config.ErrorLog = quiet
	f := l.fetcher()
	if err := f.write(t.Context(), l.place); err != nil {
		t.Fatal(err)
	}
	if sent > len(fw)+7000 {
		t.Errorf("%d octets sent of a firmware of %d", sent, len(fw))
	}
	if slot.Verify(l.place, int64(len(fw)), sha256.Sum256(fw)) != nil {
		t.Error("the slot does not hold the firmware")
	}
}

// fetcher returns one that has found the firmware and does not wait.
func (l *lab) fetcher() *fetcher {
	l.t.Helper()
	r := l.child(l.job, nil)
	if r.Found == nil {
		l.t.Fatalf("reported %+v", r)
	}
	l.job.Found = r.Found
	f, end, err := open(l.job, func(update.Report) {})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(end)
	f.wait = time.Millisecond
	return f
}

// TestDrip: a server that sends next to nothing is left, one at the speed of the slowest line is not.
func TestDrip(t *testing.T) {
	l := newLab(t)
	fw := firmware(1, 20_000)
	l.add(board, "2026.12.0", 12, fw)
	f := l.fetcher()
	f.tries = 1
	var mu sync.Mutex
	step, pause := 1, 20*time.Millisecond
	pace := func() (int, time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		return step, pause
	}
	l.serve = func(w http.ResponseWriter, r *http.Request) bool {
		step, pause := pace()
		for at := 0; at < len(fw) && r.Context().Err() == nil; at += step {
			_, _ = w.Write(fw[at:min(at+step, len(fw))])
			w.(http.Flusher).Flush()
			time.Sleep(pause)
		}
		return true
	}
	f.src.(*web).drip = 500 * time.Millisecond
	if err := f.write(t.Context(), l.place); err == nil || !strings.Contains(err.Error(), errSlow.Error()) {
		t.Errorf("drips: %v, want %v", err, errSlow)
	}
	mu.Lock()
	step, pause = dripOctets, 100*time.Millisecond
	mu.Unlock()
	f.src.(*web).drip = 5 * time.Second
	if err := f.write(t.Context(), l.place); err != nil {
		t.Errorf("slow: %v", err)
	}
}
