package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"cafeprobe/tools/province/mosquitto/mosquittotest"
)

// provincePath returns the path of cafeprobe, the program with which a province is run, built once.
var provincePath = sync.OnceValues(func() (string, error) { return built("cafeprobe", "cafeprobe/tools/cafeprobe") })

// peer is a program that is killed -9 and started again.
type peer struct {
	t    *testing.T
	name string
	path string
	args []string
	log  *os.File // of all its lives, standard output too
	cmd  *exec.Cmd
	done chan struct{} // closed when the present life has ended
	err  error         // how, once done is closed
}

// newPeer starts a program that dies with the test.
func newPeer(t *testing.T, name, path string, args ...string) *peer {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, name: name, path: path, args: args, log: log}
	p.start()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has ended where all went well
		<-p.done
		if t.Failed() {
			text := p.said()
			t.Logf("%s said at last:\n%s", name, text[max(0, len(text)-4000):])
		}
		log.Close()
	})
	return p
}

func (p *peer) start() {
	p.t.Helper()
	p.cmd = mosquittotest.Command(p.path, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	p.done = make(chan struct{})
	go func(done chan struct{}, cmd *exec.Cmd) {
		p.err = cmd.Wait()
		close(done)
	}(p.done, p.cmd)
}

// kill kills the program as a power cut would. One that has ended by itself before fails the test.
func (p *peer) kill() {
	p.t.Helper()
	_ = p.cmd.Process.Kill() // it may be gone: that shows in how it ended
	<-p.done
	if !p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
		p.t.Fatalf("%s ended by itself before it was killed: %v", p.name, p.err)
	}
}

// end waits until the program ends by itself and in order.
func (p *peer) end(limit time.Duration) {
	p.t.Helper()
	select {
	case <-p.done:
		if p.err != nil {
			p.t.Fatalf("%s: %v", p.name, p.err)
		}
	case <-time.After(limit):
		p.t.Fatalf("%s has not ended after %v", p.name, limit)
	}
}

// stop ends the program in order.
func (p *peer) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatalf("end %s: %v", p.name, err)
	}
	p.end(10 * time.Second)
}

// said returns what the program has said in all its lives.
func (p *peer) said() []byte {
	p.t.Helper()
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// says waits for what pattern's group matches in what the program says.
func (p *peer) says(pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	var found [][]byte
	until(p.t, 20*time.Second, p.name+" says "+pattern, func() bool {
		found = re.FindSubmatch(p.said())
		return found != nil
	})
	return string(found[1])
}
