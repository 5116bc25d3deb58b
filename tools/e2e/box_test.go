package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"cafeprobe/firmware/config"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// box is a box's folder and the configuration that its daemon runs with.
type box struct {
	dir  string
	conf string
	id   spool.Identity
}

// newBox provisions a box that replays file at speed, 0 as fast as it goes, to the province p.
func newBox(t *testing.T, p *site, file string, speed float64) *box {
	t.Helper()
	id, err := spool.NewIdentity(uplink.Address{Province: p.name, Box: "b-0000e2e1"}, p.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return p.box(t, id, file, speed)
}

// site is a province that runs in the test.
type site struct {
	*province.Province
	name uplink.Province
	dir  string
	stop func()
}

// newSite starts a province in dir behind the broker at url, with the embedded one if url is empty. It ends with the test.
func newSite(t *testing.T, dir, url string) *site {
	t.Helper()
	s := &site{name: "e2e", dir: dir}
	s.Province, s.stop = provincetest.Run(t, province.Config{Dir: dir, Province: s.name, Broker: url})
	return s
}

func (s *site) box(t *testing.T, id spool.Identity, file string, speed float64) *box {
	t.Helper()
	return provision(t, id, config.Uplink{Broker: "tcp://" + s.MQTTAddr()}, replayOf(file, speed), config.Clock{})
}

// replayOf is a capture that is replayed at speed.
func replayOf(file string, speed float64) config.Capture {
	return config.Capture{File: file, Speed: speed, Quality: uplink.QualityCoarse}
}

// provision writes a box's folder and configuration. It retries soon and lets no record wait for more.
func provision(t *testing.T, id spool.Identity, up config.Uplink, capture config.Capture, clock config.Clock) *box {
	t.Helper()
	up.Retry = config.Duration(50 * time.Millisecond)
	b := &box{dir: filepath.Join(t.TempDir(), "box"), id: id}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := id.Save(filepath.Join(b.dir, spool.IdentityFile)); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(config.Config{
		Dir: b.dir, Capture: capture, Clock: clock, Uplink: up,
		Cafe: config.Cafe{
			Vantage: "auto", Silence: config.Duration(5 * time.Minute), Summary: config.Duration(time.Minute),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.conf = b.dir + ".json"
	if err := os.WriteFile(b.conf, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// progress is a line of cafeprobed -progress.
type progress struct {
	Frames    uint64 `json:"frames"`
	Dropped   uint64 `json:"dropped"`
	Sent      uint64 `json:"sent"`
	Missed    uint64 `json:"missed"`
	Refused   uint64 `json:"refused"`
	Records   uint64 `json:"records"`
	Receipted uint64 `json:"receipted"`
	Done      bool   `json:"done"`
}

// A moment is when a life of the daemon is killed -9: so long after its first line of progress, which comes when it
// replays, or after its start.
type moment struct {
	after time.Duration
	start bool
}

// starter starts a timer at the first write.
type starter struct {
	once  sync.Once
	timer *time.Timer
	after time.Duration
}

func (s *starter) Write(b []byte) (int, error) {
	s.once.Do(func() { s.timer.Reset(s.after) })
	return len(b), nil
}

// live runs one life of the daemon: to its end, or until it is killed at kill. out and log take its standard output and
// error.
func (b *box) live(t *testing.T, kill moment, out, log io.Writer) (last progress, killed bool) {
	t.Helper()
	cmd := exec.Command(daemonPath, "-config", b.conf, "-progress", "-log", "DEBUG")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stdout bytes.Buffer
	started := make(chan struct{})
	limit := &starter{after: kill.after, timer: time.AfterFunc(ever, func() { <-started; _ = cmd.Process.Kill() })}
	defer limit.timer.Stop()
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, out, limit), log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	if kill.start {
		_, _ = limit.Write(nil)
	}
	err := cmd.Wait()
	killed = err != nil && cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled()
	if err != nil && !killed {
		t.Fatalf("cafeprobed: %v\n%s", err, stdout.Bytes())
	}
	for lines := bufio.NewScanner(&stdout); lines.Scan(); {
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil && !killed {
			t.Fatalf("progress %q: %v", lines.Bytes(), err)
		}
	}
	return last, killed
}

// ever is a time at which no life that is not stuck still runs.
const ever = time.Minute

// whole runs a life to its end and fails the test unless all is receipted then.
func (b *box) whole(t *testing.T, out, log io.Writer) progress {
	t.Helper()
	last, killed := b.live(t, moment{ever, true}, out, log)
	if killed || !last.Done || last.Records == 0 || last.Receipted != last.Records {
		t.Fatalf("killed %v, %+v, want all records receipted", killed, last)
	}
	return last
}

// spooled returns what the box's spool holds, verified.
func (b *box) spooled(t *testing.T) []uplink.Stored {
	t.Helper()
	sp, err := spool.Open(b.dir, b.id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	rs, err := sp.Read(1, 1<<20, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := uplink.VerifyStored(uplink.Head{Hash: b.id.Genesis()}, rs); err != nil {
		t.Fatalf("spool: %v", err)
	}
	return rs
}

// told returns the records of rs that come from the capture, one a line.
func told(rs []uplink.Stored) string {
	var out bytes.Buffer
	for _, r := range rs {
		switch r.Kind {
		case uplink.KindRoster, uplink.KindOpen, uplink.KindClose, uplink.KindTitle, uplink.KindVantage, uplink.KindBlind:
			fmt.Fprintf(&out, "%s\n", r.Raw)
		}
	}
	return out.String()
}
