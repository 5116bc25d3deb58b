package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/image"
	"cafeprobe/firmware/image/disk"
	"cafeprobe/firmware/image/imagetest"
	"cafeprobe/firmware/update"
	"cafeprobe/firmware/vm"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/release"
	"cafeprobe/uplink"
)

// source is the module, of which images are made.
const source = "../../.."

// long skips a test that takes long, unless long ones are wanted.
func long(t *testing.T, takes string) {
	t.Helper()
	if os.Getenv("SOAK") == "" {
		t.Skip("SOAK is not set: it takes " + takes)
	}
}

// boards are those that QEMU emulates, and whose image is to be tested.
func boards() []string { return imagetest.Boards("qemu-arm64", "pc") }

// build makes an image in cfg.Out, and returns that.
func build(t *testing.T, cfg image.Config) string {
	t.Helper()
	cfg.Source = source
	if _, err := image.Build(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	return cfg.Out
}

// provinceIn is a province that an emulated box reaches, with its state in dir and the releases of a folder, empty for none, to offer.
func provinceIn(dir, releases string) province.Config {
	return province.Config{
		Dir: filepath.Join(dir, "province"), Province: address.Province, Releases: releases,
		Secure: &province.Secure{Names: []string{host, "127.0.0.1"}},
	}
}

// candidate returns the image of a board that is tested, a repository that has signed nothing yet, and an image of the number before, whose
// box believes the repository.
func candidate(t *testing.T, board, dir string) (repo *release.Repo, before, tested string) {
	t.Helper()
	tested = imagetest.Candidate(t, source, board)
	repo = newRepo(t, dir)
	before = build(t, image.Config{
		Board: board, Out: filepath.Join(dir, "before"), Version: "before", Number: releaseOf(t, tested).Number - 1, Root: repo.RootFile(),
	})
	return repo, before, tested
}

// newRepo makes a repository of releases in dir/repo.
func newRepo(t *testing.T, dir string) *release.Repo {
	t.Helper()
	repo, err := release.Init(filepath.Join(dir, "repo"), filepath.Join(dir, "keys"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// releaseOf returns which release an image is.
func releaseOf(t *testing.T, dir string) update.Release {
	t.Helper()
	i, err := release.ReadImage(dir)
	if err != nil {
		t.Fatal(err)
	}
	return i.Manifest.Release.Release
}

// sign releases an image, as if its tests were green: they are what runs here.
func sign(t *testing.T, repo *release.Repo, dir string) {
	t.Helper()
	i, err := release.ReadImage(dir)
	if err != nil {
		t.Fatal(err)
	}
	rec := &release.Record{
		Format: release.RecordFormat, Board: i.Manifest.Release.Board, Commit: i.Manifest.Release.Commit, Images: i.Sums(), Began: time.Now(),
	}
	rec.Ended = rec.Began
	for _, s := range release.Suites {
		rec.Suites = append(rec.Suites, release.Suite{Name: s, Result: release.Pass, Tests: 1})
	}
	if err := repo.Add(i, rec, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// offer has the province offer a release to the box.
func offer(t *testing.T, dir string, p *province.Province, version string) {
	t.Helper()
	s, _, err := province.OpenBeside(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ch, err := s.ChainOf(t.Context(), string(address.Box), "")
	if err != nil {
		t.Fatal(err)
	}
	args := fmt.Sprintf(`{"fw":%q,"url":"%s/release/"}`, version, enroll(p))
	if _, err := collector.Order(s, ch, uplink.VerbUpdate, []byte(args), time.Now(), time.Hour); err != nil {
		t.Fatal(err)
	}
}

// runs waits until the box's first process says that it runs, of a slot.
func runs(t *testing.T, m *vm.Machine, slot string, trial bool, within time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), within)
	defer stop()
	if _, err := m.Serial.Expect(ctx, fmt.Sprintf(`runs after [0-9.]+ s; slot %s, trial %v`, slot, trial)); err != nil {
		t.Fatal(err)
	}
}

// known waits until the province knows the box.
func known(t *testing.T, p *province.Province) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), bootTime)
	defer stop()
	if err := records(ctx, p, 1); err != nil {
		t.Fatal(err)
	}
}

// steps returns the steps of updates that the box's chain tells, in order.
func steps(ctx context.Context, p *province.Province) (list []uplink.Update, err error) {
	err = p.EachRecord(ctx, address.Box, func(r uplink.Record) error {
		if body, err := r.Body(); err == nil {
			if u, ok := body.(*uplink.Update); ok {
				list = append(list, *u)
			}
		}
		return nil
	})
	return list, err
}

// taken are the steps, as told wants them, of a firmware that stays in slot b.
func taken(version string) string {
	return strings.ReplaceAll("announced V  , written V b , trial V b , confirmed V b ", "V", version)
}

// told waits until the box's chain has these steps of a firmware, and no others of that version.
func told(t *testing.T, p *province.Province, want string) {
	t.Helper()
	version := strings.Fields(want)[1]
	var got []string
	for end := time.Now().Add(8 * time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
		list, err := steps(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		got = nil
		for _, u := range list {
			if u.Version == version {
				got = append(got, fmt.Sprint(u.Step, " ", u.Version, " ", u.Slot, " ", u.Why))
			}
		}
		if strings.Join(got, ", ") == want {
			return
		}
	}
	t.Fatalf("the chain says %q, want %q", got, want)
}

// partitionAt returns where in a card's file a partition begins.
func partitionAt(t *testing.T, card, name string) int64 {
	t.Helper()
	at, err := disk.Find(card, name)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
