package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"cafeprobe/capture/capturetest/testdata/cafe"
	"cafeprobe/firmware/config"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// backlog is how many records the daemon has to forward at once.
const backlog = 100_000

// benchWay measures the whole way with three processes: cafeprobed with a backlog, the broker, the province.
func benchWay(b *testing.B, t *table, p *peers) {
	dir, id, _ := p.newBox(b, 1)
	conf := daemonConfig(b, p, dir)
	d := startDaemon(b, conf)
	d.await("connected, and all receipted", time.Minute, func(s daemonLine) bool { return s.Connected && s.Records > 0 && s.Receipted == s.Records })
	time.Sleep(3 * time.Second) // what starting took is let go
	t.memory("at rest", "cafeprobed", memoryOf(b, d.pid()))
	t.memory("at rest", "province, "+p.name, memoryOf(b, p.pid()))
	d.end()

	head, octets := fillBacklog(b, dir, id)
	d = startDaemon(b, conf)
	before := d.await("connected", time.Minute, func(s daemonLine) bool { return s.Connected })
	began, box0, province0, broker0 := time.Now(), worked(b, d.pid()), worked(b, p.pid()), p.brokerWorked(b)
	d.await("all receipted", 5*time.Minute, func(s daemonLine) bool { return s.Receipted >= head })
	took := time.Since(began).Seconds()
	n := float64(head - before.Receipted)
	octets *= n / backlog // what was receipted before the first line of progress is not counted
	t.memory("at full throughput", "cafeprobed", memoryOf(b, d.pid()))
	t.memory("at full throughput", "province, "+p.name, memoryOf(b, p.pid()))
	raw := t.rawMQTT
	t.add(fmt.Sprintf("whole way, %s: box → broker → store → receipt", p.name), "records/s", n/took, raw.records, "raw publish/subscribe")
	t.add("  the same in octets of records", "MB/s", octets/took/1e6, raw.octets/1e6, "raw publish/subscribe")
	cpu := func(since, now time.Duration) float64 { return float64((now - since).Microseconds()) / n }
	t.add("  processor time of the box", "µs/record", cpu(box0, worked(b, d.pid())), 0, "")
	t.add("  processor time of the province", "µs/record", cpu(province0, worked(b, p.pid())), 0, "")
	if p.brokers != "" {
		t.add("  processor time of mosquitto", "µs/record", cpu(broker0, p.brokerWorked(b)), 0, "")
	}
	d.end()
}

func (p *peers) brokerWorked(b *testing.B) time.Duration {
	if p.brokers == "" {
		return 0
	}
	return worked(b, p.brokers)
}

// daemonConfig writes a configuration with which cafeprobed replays the project's own evening as slowly as it was, thirteen
// minutes, and sends all at once.
func daemonConfig(b *testing.B, p *peers, dir string) string {
	b.Helper()
	file, conf := filepath.Join(dir, cafe.File), filepath.Join(dir, "box.json")
	text, err := json.Marshal(config.Config{
		Dir: dir, Capture: config.Capture{File: file, Speed: 1, Quality: uplink.QualityCoarse},
		Uplink: config.Uplink{Broker: p.broker, Retry: config.Duration(50 * time.Millisecond), TLS: config.TLS{Enroll: p.enroll}},
		Cafe:   config.Cafe{Vantage: "auto", Silence: config.Duration(5 * time.Minute), Summary: config.Duration(time.Minute)},
	})
	if err == nil {
		err = os.WriteFile(file, cafe.Capture, 0o600)
	}
	if err == nil {
		err = os.WriteFile(conf, text, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
	return conf
}

// fillBacklog appends records to the spool of a box that does not run: health, the one kind of which a box writes many that
// is not of the capture, which a daemon that replays would look for there. It returns the head and the records' octets.
func fillBacklog(b *testing.B, dir string, id spool.Identity) (head uint64, octets float64) {
	b.Helper()
	sp, err := spool.Open(dir, id, spool.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer sp.Close()
	for i := range backlog {
		r, err := health(i)
		if err == nil {
			_, err = sp.Append(r)
		}
		if err == nil && i%4096 == 4095 {
			err = sp.Commit()
		}
		if err != nil {
			b.Fatal(err)
		}
		octets += float64(len(r.Raw))
	}
	if err := sp.Commit(); err != nil {
		b.Fatal(err)
	}
	return sp.Head().Seq, octets
}

// health returns the i-th health record of a box, as large as real ones.
func health(i int) (uplink.Record, error) {
	return uplink.Encode(&uplink.Health{
		Stamp:  uplink.Stamp{Mono: uplink.Int(900_000 * i), Time: uplink.TimeOf(time.Now()), Quality: uplink.QualitySync},
		Frames: uplink.Int(48_000_000 + i), Stations: 100, Backlog: 12, Spool: 8 << 20, Written: 22_000_000, Memory: 40 << 20, Connects: 1,
	})
}

// daemonLine is a line of cafeprobed -progress.
type daemonLine struct {
	progress
	Connected bool `json:"connected"`
}

// runningDaemon is a cafeprobed that tells its progress.
type runningDaemon struct {
	b     *testing.B
	cmd   *exec.Cmd
	lines chan daemonLine
	done  chan error
}

func startDaemon(b *testing.B, conf string) *runningDaemon {
	b.Helper()
	d := &runningDaemon{b: b, cmd: exec.Command(daemonPath, "-config", conf, "-progress"), lines: make(chan daemonLine, 1024), done: make(chan error, 1)}
	d.cmd.Stderr = b.Output()
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := d.cmd.StdoutPipe()
	if err == nil {
		err = d.cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			var s daemonLine
			if json.Unmarshal(in.Bytes(), &s) == nil {
				d.lines <- s
			}
		}
		close(d.lines)
		d.done <- d.cmd.Wait()
	}()
	b.Cleanup(d.end)
	return d
}

func (d *runningDaemon) pid() string { return fmt.Sprint(d.cmd.Process.Pid) }

// await returns the first line of progress for which ok is true.
func (d *runningDaemon) await(what string, limit time.Duration, ok func(daemonLine) bool) daemonLine {
	d.b.Helper()
	late := time.After(limit)
	var last daemonLine
	for {
		select {
		case s, more := <-d.lines:
			if !more {
				d.b.Fatalf("cafeprobed ended before it was %s: %+v", what, last)
			}
			if last = s; ok(s) {
				return s
			}
		case <-late:
			d.b.Fatalf("not %s within %v: %+v", what, limit, last)
		}
	}
}

// end ends the daemon in order; once is enough.
func (d *runningDaemon) end() {
	if d.cmd.Process.Signal(syscall.SIGTERM) != nil {
		return // it has ended
	}
	for range d.lines {
	}
	if err := <-d.done; err != nil {
		d.b.Errorf("cafeprobed: %v", err)
	}
}
