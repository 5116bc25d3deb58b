package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"cafeprobe/firmware/config"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// listener provisions a box that listens to m and asks the time of servers.
func (s *site) listener(t *testing.T, m *mirror, servers ...string) *box {
	t.Helper()
	id, err := spool.NewIdentity(uplink.Address{Province: s.name, Box: "b-0000e2e4"}, s.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return provision(t, id, config.Uplink{Broker: "tcp://" + s.MQTTAddr()}, config.Capture{
		Interface: portName, Namespace: m.box, Blocks: config.Blocks, Quality: uplink.QualityCoarse,
	}, config.Clock{Servers: servers})
}

// life is one life of a daemon that listens.
type life struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  chan progress // closed when the daemon has ended
	latest progress
}

// listen starts the daemon. It ends with the test at the latest.
func (b *box) listen(t *testing.T) *life {
	t.Helper()
	l := &life{t: t, cmd: exec.Command(daemonPath, "-config", b.conf, "-progress"), lines: make(chan progress, 1)}
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	l.cmd.Stderr = t.Output()
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go l.read(out)
	t.Cleanup(func() {
		if l.cmd.ProcessState == nil {
			l.kill()
		}
	})
	return l
}

// read keeps the newest line of progress in l.lines.
func (l *life) read(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var p progress
		if json.Unmarshal(lines.Bytes(), &p) != nil {
			continue // the last line of one that was killed
		}
		select {
		case <-l.lines:
		default:
		}
		l.lines <- p
	}
	close(l.lines)
}

// await waits until the daemon's progress is as f wants it.
func (l *life) await(what string, f func(progress) bool) progress {
	l.t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case p, running := <-l.lines:
			if !running {
				l.t.Fatalf("%s: the daemon has ended; its last progress: %+v", what, l.latest)
			}
			if l.latest = p; f(p) {
				return p
			}
		case <-late:
			l.t.Fatalf("%s: not within 20 s; the last progress: %+v", what, l.latest)
		}
	}
}

// kill ends the daemon as a power cut would.
func (l *life) kill() {
	_ = l.cmd.Process.Kill()
	l.over()
}

// end asks the daemon to end, which it is to do in order.
func (l *life) end() {
	l.t.Helper()
	l.await("it has begun", func(progress) bool { return true }) // before it listens to signals they are the end of it
	_ = l.cmd.Process.Signal(syscall.SIGTERM)
	if err := l.over(); err != nil {
		l.t.Errorf("cafeprobed, told to end: %v, want exit status 0", err)
	}
}

func (l *life) over() error {
	for range l.lines { // Wait closes the pipe: all is to be read before
	}
	return l.cmd.Wait()
}

// told returns what the province has of the box's records of kind k.
func (s *site) told(t *testing.T, b *box, k uplink.Kind) (list []uplink.Body) {
	t.Helper()
	err := s.EachRecord(t.Context(), b.id.Box, func(r uplink.Record) error {
		if r.Kind != k {
			return nil
		}
		body, err := r.Body()
		list = append(list, body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// awaitTold waits until the province has n records of kind k from b, and returns them.
func (s *site) awaitTold(t *testing.T, b *box, k uplink.Kind, n int) (list []uplink.Body) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if totals, err := s.Totals(t.Context()); err != nil || totals.Chains == 0 {
			continue // the box was not heard yet
		}
		if list = s.told(t, b, k); len(list) >= n {
			return list
		}
	}
	t.Fatalf("%d records of kind %s within 20 s, want %d", len(list), k, n)
	return nil
}
