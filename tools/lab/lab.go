package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// lab is one evening.
type lab struct {
	out     string // where the capture and the truth go, if it is recorded
	scene   *scene
	room    room
	dir     string  // temporary: configurations, logs
	program string  // this program
	speed   float64 // of the table
	starter starter

	bridge     string // namespace of the bridge
	namespaces []string
	hosts      map[string]*host
	listener   *process // at the probe's port: the recorder, or the box's daemon

	when func(time.Time) time.Time // what the recording's clock said at a real time

	mu        sync.Mutex // processes, power
	processes []*process
	power     []powered
	played    []played
	woken     []woken
	events    []event // of the evening
	extra     []fact  // that a scene knows beside
}

// host is a station as it stands in the lab.
type host struct {
	*station
	ns    string // its namespace; a guest's is the bridge's
	dhcp  *process
	guest *guest
}

// guestOnly says whether a computer has no system beside what it boots from the network.
func (s *station) guestOnly() bool { return s.uuid != "" && s.host == "" }

// powered is a time that a station was on.
type powered struct {
	who      *station
	from, to time.Time
	end      string // how it ended
}

func newLab(s *scene, r room, speed float64) (*lab, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cafelab-")
	if err != nil {
		return nil, err
	}
	// Daemons that give up root must still reach their own folders.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	return &lab{
		scene: s, room: r, dir: dir, program: program, speed: speed, starter: newStarter(), hosts: map[string]*host{},
		when: func(t time.Time) time.Time { return t },
	}, nil
}

// build makes the café: the switches, and a port for every station.
func (l *lab) build() error {
	if err := l.addSwitches(); err != nil {
		return err
	}
	for i := range l.scene.stations {
		h := &host{station: &l.scene.stations[i], ns: l.bridge}
		l.hosts[h.name] = h
		if h.guestOnly() {
			continue // its tap comes with the guest
		}
		var err error
		if h.ns, err = l.addPort(h.name, "eth0", h.mac); err != nil {
			return fmt.Errorf("connect %s: %w", h.name, err)
		}
		if err := l.asWindows(h); err != nil {
			return err
		}
	}
	return nil
}

// probeMAC is the address of the probe's port, which nobody ever sees.
const probeMAC = "02:00:00:00:00:01"

// startRecorder puts the recorder on a port of its own and waits until it listens. out gets the capture.
func (l *lab) startRecorder(out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	l.out = out
	ns, err := l.addPort("probe", "eth0", probeMAC)
	if err != nil {
		return err
	}
	if err := quiet(ns); err != nil {
		return err
	}
	if err := ip("-n", ns, "link", "set", "eth0", "arp", "off", "promisc", "on", "up"); err != nil {
		return err
	}
	if l.listener, err = l.self(ns, "recorder", "record", "eth0", l.raw()); err != nil {
		return err
	}
	return l.await("recorder", "recording")
}

func (l *lab) capture() string { return filepath.Join(l.out, l.scene.file+l.scene.packed) }

// raw is where the recorder writes.
func (l *lab) raw() string { return filepath.Join(l.dir, "raw.pcapng") }

// patience is how long a program may take to say that it is ready: a DHCP client whose first DISCOVER came before the
// router was up asks again after 5 s, and the time after that is up to 15 s.
const patience = 30 * time.Second

// await waits until a program has said a word in its log.
func (l *lab) await(name, word string) error {
	var text []byte
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if text, _ = os.ReadFile(filepath.Join(l.dir, name+".log")); strings.Contains(string(text), word) {
			return nil
		}
	}
	return fmt.Errorf("%s did not say %q within %v: %s", name, word, patience, text)
}

// end ends the evening. The switch goes first: what the servers would write down after the last frame nobody can have seen.
func (l *lab) end() error {
	if err := ip("-n", l.bridge, "link", "set", "switch", "down"); err != nil {
		return err
	}
	for _, h := range l.hosts {
		l.powerOff(h, "end of recording", time.Now())
	}
	return nil
}

// finish ends the recording and writes the truth.
func (l *lab) finish() error {
	if err := l.end(); err != nil {
		return err
	}
	if err := l.listener.endWithin(time.Minute); err != nil {
		text, _ := os.ReadFile(filepath.Join(l.dir, "recorder.log"))
		return fmt.Errorf("recorder: %w: %s", err, text)
	}
	if err := l.pack(); err != nil {
		return err
	}
	return l.writeTruth(filepath.Join(l.out, l.scene.file+".truth.tsv"))
}

// close ends everything that the lab started and removes everything it made.
func (l *lab) close() {
	l.mu.Lock()
	running := l.processes
	l.mu.Unlock()
	var wg sync.WaitGroup
	for _, p := range running {
		wg.Go(func() { _ = p.stop() })
	}
	wg.Wait()
	for _, ns := range l.namespaces {
		removeNamespace(ns)
	}
	if os.Getenv("LAB_KEEP") != "" {
		fmt.Fprintln(os.Stderr, "lab: logs are in", l.dir)
		return
	}
	_ = os.RemoveAll(l.dir)
}
