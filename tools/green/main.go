// Command green runs the long tests of an image and writes the record of them, without which cafeprobe release signs nothing. It reads what
// `go test -json` says: a test that failed, was skipped, did not run, or tested another image leaves the record not green.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"cafeprobe/firmware/image/imagetest"
	"cafeprobe/tools/release"
	"cafeprobe/tools/soak/gotest"
)

// limit bounds each package's tests.
const limit = 3 * time.Hour

func main() {
	images := flag.String("images", "out/image", "the folder with a folder for each board, of make image")
	board := flag.String("board", "qemu-arm64", "whose image is tested")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, of(*board), *images, *board, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "green:", err)
		os.Exit(1)
	}
}

// run tests a board's image, of the module in the working folder, and writes tests.json beside it.
func run(ctx context.Context, rows []Row, images, board string, out io.Writer) error {
	if len(rows) == 0 {
		return fmt.Errorf("no tests of an image for %s: QEMU has no such board", board)
	}
	images, err := filepath.Abs(images)
	if err != nil {
		return err
	}
	dir := filepath.Join(images, board)
	image, err := release.ReadImage(dir)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "tests.json")
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // one of another run
	}
	commit, err := source(ctx)
	if err != nil {
		return err
	}
	sums := image.Sums()
	t := newTally(rows, sums)
	began := time.Now().UTC()
	for _, pkg := range packages(rows) {
		if err := test(ctx, t, images, board, pkg, out); err != nil {
			return err
		}
	}
	rec := &release.Record{Board: board, Commit: commit, Images: sums, Began: began, Ended: time.Now().UTC(), Suites: t.suites()}
	for _, s := range rec.Suites {
		fmt.Fprintf(out, "%-10s %-12s %3d tests\n", s.Name, s.Result, s.Tests)
	}
	if image, err = release.ReadImage(dir); err != nil || !maps.Equal(sums, image.Sums()) {
		return errors.Join(errors.New("the image was made anew while it was tested: no record"), err)
	}
	if commit == "" {
		fmt.Fprintln(out, "there are changes that are in no commit: no record")
		if !t.passed() {
			return errors.New("not all passed")
		}
		return nil
	}
	if err := rec.Write(file); err != nil {
		return err
	}
	fmt.Fprintf(out, "record     %s\n", file)
	return rec.Green(&image.Manifest, sums)
}

// source returns the commit that the tests are of, or "" if there are changes beside it.
func source(ctx context.Context) (string, error) {
	changes, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output()
	if err != nil {
		return "", fmt.Errorf("ask what was changed: %w", err)
	}
	commit, err := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	if err != nil {
		return "", fmt.Errorf("ask which commit this is: %w", err)
	}
	if len(bytes.TrimSpace(changes)) > 0 {
		return "", nil
	}
	return strings.TrimSpace(string(commit)), nil
}

// packages returns the packages of rows, each once.
func packages(rows []Row) (out []string) {
	for _, r := range rows {
		if !slices.Contains(out, r.Package) {
			out = append(out, r.Package)
		}
	}
	return out
}

// test runs the tests of a package that rows name, shows what they say, and counts them. That one failed is no error here.
func test(ctx context.Context, t *tally, images, board, pkg string, out io.Writer) error {
	return gotest.Run(ctx, out, []string{"SOAK=1", imagetest.Env + "=" + images, imagetest.BoardEnv + "=" + board},
		[]string{"-parallel=2", "-timeout", limit.String(), "-run", t.pattern(pkg), "./" + pkg}, t.take)
}
