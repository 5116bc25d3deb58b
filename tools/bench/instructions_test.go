package main

import (
	_ "embed"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/pcapfile"
)

// figures says how many instructions of the processor a frame may cost, from the file to the café's state: the one place to
// change when the code is faster, or has good reason to be slower.
//
//go:embed instructions.tsv
var figures string

// slack is how far from its figure a measurement may be. Runs of one program were seen to differ by 1 %.
const slack = 0.05

// TestInstructions holds the box's pipeline to the figures: times vary with the machine, counts of instructions do not. It runs
// over a capture and over the beginning of the same one; the difference is divided by the frames between them, so that
// starting costs nothing.
func TestInstructions(t *testing.T) {
	if _, err := exec.LookPath("valgrind"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no valgrind, and this is CI: make packages-test installs it")
		}
		t.Skip("no valgrind: instructions cannot be counted (make packages-test installs it)")
	}
	program := build(t)
	make := func(path string, args ...string) {
		if out, err := exec.Command(program, append(append([]string{"mix"}, args...), path)...).CombinedOutput(); err != nil {
			t.Fatalf("make %s: %v: %s", path, err, out)
		}
	}
	t.Run("mix", func(t *testing.T) { // ten computers at a tenth of the rate: flows are as old as in a café of a hundred
		shared := capturetest.Shared(t)
		hold(t, program, "mix", 20_000, 60_000, func(path string, frames int) {
			make(path, "-captures", shared, "-frames", strconv.Itoa(frames), "-stations", "10", "-rate", "10e6")
		})
	})
	t.Run("flood", func(t *testing.T) { // the beginning fills the table of flows
		hold(t, program, "flood", 40_000, 80_000, func(path string, frames int) {
			make(path, "-frames", "0", "-flood", strconv.Itoa(frames))
		})
	})
	t.Run("cafe", func(t *testing.T) {
		packed, _ := capturetest.Cafe(t)
		hold(t, program, "cafe", 6_000, 18_000, func(path string, frames int) {
			src, err := pcapfile.Open(packed)
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			if err := write(path, &first{src, frames}); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// hold compares what a frame of the captures that make makes costs with the figure of that name.
func hold(t *testing.T, program, name string, few, many int, make func(path string, frames int)) {
	t.Helper()
	total := func(frames int) int {
		path := filepath.Join(t.TempDir(), "frames.pcap")
		make(path, frames)
		if n, _, err := records(path); err != nil || n != frames {
			t.Fatalf("%d frames, %v; want %d", n, err, frames)
		}
		return count(t, program, path)
	}
	got := float64(total(many)-total(few)) / float64(many-few)
	t.Logf("%s: %.0f instructions a frame, with %s", name, got, runtime.Version())
	want, ok := figure(name, runtime.GOARCH)
	if !ok {
		t.Skipf("instructions.tsv has no figure of %s for %s", name, runtime.GOARCH)
	}
	switch over := got/want - 1; {
	case over > slack:
		t.Errorf("%s: %.0f instructions a frame, %.1f %% more than the %.0f of instructions.tsv", name, got, 100*over, want)
	case over < -slack:
		t.Logf("%s: %.1f %% fewer than the %.0f of instructions.tsv: lower the figure to %.0f", name, -100*over, want, got)
	}
}

// first is the first frames of a source.
type first struct {
	capture.Source
	left int
}

// Next implements capture.Source.
func (s *first) Next(f *capture.Frame) error {
	if s.left == 0 {
		return io.EOF
	}
	s.left--
	return s.Source.Next(f)
}

// figure reads a row of figures.
func figure(name, arch string) (want float64, ok bool) {
	for line := range strings.Lines(figures) {
		col := strings.Fields(line)
		if len(col) == 3 && col[0] == name && col[1] == arch {
			want, err := strconv.ParseFloat(col[2], 64)
			return want, err == nil && want > 0
		}
	}
	return 0, false
}

// TestFigures: there is a figure for each input on the machines that CI has.
func TestFigures(t *testing.T) {
	for _, name := range []string{"mix", "flood", "cafe"} {
		if _, ok := figure(name, "amd64"); !ok {
			t.Errorf("no figure of %s for amd64", name)
		}
	}
}

// build builds this program as the box's is built, without cgo, and with its profile if there is one.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bench")
	args := []string{"build", "-o", path}
	profile := filepath.Join(capturetest.Root(t), "firmware", "cafeprobed", "default.pgo")
	if _, err := os.Stat(profile); err == nil {
		args = append(args, "-pgo="+profile)
	}
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, out)
	}
	return path
}

// collected is how callgrind says what it counted.
var collected = regexp.MustCompile(`Collected : (\d+)`)

// count returns how many instructions the pipeline takes for a capture. The scheduler interrupts nobody: how often it would
// depends on the time.
func count(t *testing.T, program, path string) int {
	t.Helper()
	out := "--callgrind-out-file=" + filepath.Join(t.TempDir(), "out")
	cmd := exec.Command("valgrind", "--tool=callgrind", out, program, "hot", path)
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	said, err := cmd.CombinedOutput()
	found := collected.FindSubmatch(said)
	if err != nil || found == nil {
		t.Fatalf("%s: %v: %s", cmd, err, said)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
