package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cafeprobe/firmware/image"
	"cafeprobe/firmware/image/disk"
	"cafeprobe/firmware/vm"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/tools/release"
	"cafeprobe/uplink"
)

// TestEmulateStick: a technician puts a stick with a release into a box that runs; the box takes it, tries it and keeps it, and does not
// touch what is on the stick. A forged release, and a stick that is none, change nothing.
func TestEmulateStick(t *testing.T) {
	long(t, "ten minutes")
	for _, board := range boards() {
		t.Run(board, func(t *testing.T) { takesStick(t, board) })
	}
}

func takesStick(t *testing.T, board string) {
	w := newWalk(t, board)
	w.build("2026.11.0", 11)
	sign(t, w.repo, w.build("2026.12.0", 12))
	w.start("2026.11.0", vm.Config{})
	runs(w.t, w.m, "a", false, patient)
	w.enrolled()

	garbage := filepath.Join(w.dir, "garbage.img")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("no file system "), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	w.plug(garbage, `cafeprobe: stick: stick: no release on it`)
	w.unplug()

	forged := filepath.Join(w.dir, "forged")
	if err := os.CopyFS(forged, os.DirFS(filepath.Join(w.dir, "repo"))); err != nil {
		t.Fatal(err)
	}
	stamp := filepath.Join(forged, "timestamp.json")
	b, err := os.ReadFile(stamp)
	if err == nil {
		err = os.WriteFile(stamp, bytes.Replace(b, []byte(`"version":2`), []byte(`"version":9`), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.plug(w.stick(forged), `cafeprobe: stick: refused: (wrong-key|unsigned)`)
	w.unplug()
	w.note("a forged stick is refused")

	good := w.stick(filepath.Join(w.dir, "repo"))
	before := fileSum(t, good)
	w.plug(good, `cafeprobe: stick: taken`)
	w.note("written")
	runs(w.t, w.m, "b", true, patient)
	w.note("tried")
	w.expect(`cafeprobe: stick: this firmware, or a newer one, runs already`) // it is in yet, and looked at behind the trial
	told(t, w.p, taken("2026.12.0"))
	w.note("confirmed")
	if fileSum(t, good) != before {
		t.Error("the box has written to the stick")
	}
	if n := w.security(); n != 1 {
		t.Errorf("%d security records, want one, of the forged stick", n)
	}
	w.silent()
}

func fileSum(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}

// walk is a box, what is released for it, and its province.
type walk struct {
	t     *testing.T
	board string
	dir   string
	card  string
	repo  *release.Repo
	p     *province.Province
	m     *vm.Machine
	began time.Time
}

func newWalk(t *testing.T, board string) *walk {
	t.Helper()
	w := &walk{t: t, board: board, dir: t.TempDir(), began: time.Now()}
	w.repo = newRepo(t, w.dir)
	w.p, _ = provincetest.Run(t, provinceIn(w.dir, filepath.Join(w.dir, "repo")))
	return w
}

// build makes an image.
func (w *walk) build(version string, number uint64) string {
	w.t.Helper()
	return build(w.t, image.Config{
		Board: w.board, Out: filepath.Join(w.dir, version), Version: version, Number: number, Root: w.repo.RootFile(),
	})
}

// start switches the box on, the first time with a card of an image that is given an identity.
func (w *walk) start(version string, more vm.Config) {
	w.t.Helper()
	from := filepath.Join(w.dir, version)
	var err error
	if w.card == "" {
		w.card, err = card(w.t.Context(), Config{Dir: w.dir, Image: from}, w.p)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := machine(w.dir, from, w.card)
	if err != nil {
		w.t.Fatal(err)
	}
	c.NoReset = more.NoReset
	if w.m, err = vm.Start(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
	m := w.m
	w.t.Cleanup(func() {
		if w.t.Failed() && m == w.m {
			w.t.Logf("the console ends with:\n%s", m.Serial.Tail())
		}
		m.Close()
	})
}

// patient is how long a box may take for a step, on a machine that has much else to do.
const patient = 8 * time.Minute

func (w *walk) expect(pattern string) {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.t.Context(), patient)
	defer stop()
	if _, err := w.m.Serial.Expect(ctx, pattern); err != nil {
		w.t.Fatal(err)
	}
}

// enrolled waits until the province knows the box.
func (w *walk) enrolled() {
	w.t.Helper()
	known(w.t, w.p)
	w.note("known to the province")
}

func (w *walk) note(what string) {
	w.t.Helper()
	w.t.Logf("%6s %s", time.Since(w.began).Round(time.Second), what)
}

// plug puts a stick in, and waits until the box says how that ended.
func (w *walk) plug(path, pattern string) {
	w.t.Helper()
	if err := w.m.Plug(path); err != nil {
		w.t.Fatal(err)
	}
	w.expect(pattern)
}

func (w *walk) unplug() {
	w.t.Helper()
	if err := w.m.Unplug(); err != nil {
		w.t.Fatal(err)
	}
}

// silent fails the test if a frame left the capture port.
func (w *walk) silent() {
	w.t.Helper()
	if sent, first := w.m.Capture.FromBox(); sent != 0 {
		w.t.Errorf("%d frames left the capture port, the first % x", sent, first[0])
	}
}

// security counts the box's records of who did what he must not.
func (w *walk) security() (n int) {
	w.t.Helper()
	err := w.p.EachRecord(w.t.Context(), address.Box, func(r uplink.Record) error {
		if body, err := r.Body(); err == nil {
			if s, ok := body.(*uplink.Security); ok && s.Topic == "update" {
				n++
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// stick returns the image of a stick as one buys it, a partition with FAT, that has a folder as its folder release.
func (w *walk) stick(folder string) string {
	w.t.Helper()
	var files []disk.File
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		files = append(files, disk.File{Name: "release/" + filepath.ToSlash(name), Data: b})
		return err
	})
	fat, path := filepath.Join(w.dir, "stick.fat"), filepath.Join(w.dir, "stick-"+filepath.Base(folder)+".img")
	if err == nil {
		err = disk.FAT(w.t.Context(), fat, folder, "STICK", 160<<20, 1_800_000_000, files)
	}
	if err == nil {
		err = disk.Write(path, folder, nil, []disk.Partition{{Name: "stick", Type: disk.Basic, Size: 160 << 20, File: fat}})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return path
}
