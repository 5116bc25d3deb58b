// Command soak runs the long tests (Longs) and says at the end what each must hold and what was measured. It reads what
// `go test -json` says, never prose: figures come as attributes of the tests (package hold).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"cafeprobe/tools/soak/gotest"
)

// limit bounds each package's tests.
const limit = 2 * time.Hour

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	s := newSummary(Longs)
	for _, pkg := range packages(Longs) {
		if err := s.run(ctx, out, pkg); err != nil {
			return err
		}
	}
	if s.write(out); !s.passed() {
		return errors.New("not all held")
	}
	return nil
}

// packages returns the packages of list, each once.
func packages(list []Long) (out []string) {
	for _, l := range list {
		if !slices.Contains(out, l.Package) {
			out = append(out, l.Package)
		}
	}
	return out
}

// run runs pkg's long tests, shows what they say, and takes their results. That a test failed is no error here.
func (s *summary) run(ctx context.Context, out io.Writer, pkg string) error {
	var names []string
	for _, l := range s.list {
		if l.Package == pkg {
			names = append(names, l.Test)
		}
	}
	return gotest.Run(ctx, out, []string{"SOAK=1"},
		[]string{"-timeout", limit.String(), "-run", "^(" + strings.Join(names, "|") + ")$", "./" + pkg}, s.take)
}
