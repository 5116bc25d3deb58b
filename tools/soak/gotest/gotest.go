// Package gotest runs tests, shows what they say, and has what `go test -json` says of them taken.
package gotest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Run runs go test -json -count=1 with args, in an environment that has env too, until ctx ends. take is given each line, and returns what a
// person reads of it; an error of its is for a line of go's own, as of what does not build, which is shown as it is. That a test failed
// is no error.
func Run(ctx context.Context, out io.Writer, env, args []string, take func(line []byte) (string, error)) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json", "-count=1"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text, err := take(lines.Bytes())
		if err != nil {
			text = lines.Text() + "\n"
		}
		if !strings.HasPrefix(text, "=== ") {
			fmt.Fprint(out, text)
		}
	}
	_, _ = io.Copy(io.Discard, pipe) // behind a line that is too long: go test would wait for ever
	_ = cmd.Wait()                   // its status says less than the results that were taken
	return errors.Join(lines.Err(), ctx.Err())
}
