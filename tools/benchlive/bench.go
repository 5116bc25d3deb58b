package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The ends of the cable, and the cores.
const (
	portName = "port"
	farName  = "far"

	receiverCore = "0"
	senderCore   = "1"
)

// bench is one run.
type bench struct {
	program string // this one
	length  time.Duration
	octets  int
}

func (b *bench) run() error {
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("frames of %d octets, %v for a rate to hold, load average %s\n\n", b.octets, b.length, strings.Join(strings.Fields(string(load))[:3], " "))
	if err := b.lay(); err != nil {
		return err
	}
	for _, where := range []struct{ what, cores string }{
		{"the kernel receives on the sender's core", "0"},
		{"all of receiving on one core", "1"}, // a bit for each core
	} {
		if err := os.WriteFile("/sys/class/net/"+portName+"/queues/rx-0/rps_cpus", []byte(where.cores), 0); err != nil {
			return err
		}
		fmt.Println(where.what)
		if err := b.measure(); err != nil {
			return err
		}
	}
	return nil
}

// lay makes the cable, and a /sys that shows its interfaces.
func (b *bench) lay() error {
	for _, f := range []string{"all", "default"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+f+"/disable_ipv6", []byte("1"), 0); err != nil {
			return err
		}
	}
	for _, args := range []string{
		"link add " + portName + " type veth peer name " + farName, "link set " + portName + " up", "link set " + farName + " up",
	} {
		if err := ip(args); err != nil {
			return err
		}
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	return syscall.Mount("sysfs", "/sys", "sysfs", 0, "")
}

// search is how long a rate is tried while the highest is looked for.
const search = 3 * time.Second

// measure prints what the sender can, what becomes of that, and the highest rate without a loss.
func (b *bench) measure() error {
	alone, err := b.send(0, search)
	if err != nil {
		return err
	}
	fmt.Printf("  sender, nobody listens   %9.0f frames/s\n", alone.rate())
	flat, err := b.trial(0, search)
	if err != nil {
		return err
	}
	fmt.Printf("  as fast as it sends      %s\n", flat)
	low, high := 0.0, max(alone.rate(), flat.rate()) // a core that receives wakes slowly where nobody listens
	for high-low > high/50 {
		mid := (low + high) / 2
		t, err := b.trial(mid, search)
		if err != nil {
			return err
		}
		if t.lost() == 0 && t.rate() > mid*0.98 {
			low = mid
		} else {
			high = mid
		}
	}
	for rate := low; rate > low/2; rate *= 0.97 {
		t, err := b.trial(rate, b.length)
		if err != nil {
			return err
		}
		fmt.Printf("  %-24s %s\n", "for "+b.length.String(), t)
		if t.lost() == 0 {
			return nil
		}
	}
	return fmt.Errorf("no rate was held for %v: is the machine quiet?", b.length)
}

// sent is what a sender says.
type sent struct {
	Frames  uint64  `json:"frames"`  // that the kernel took
	Seconds float64 `json:"seconds"` // that it took
}

func (s sent) rate() float64 { return float64(s.Frames) / s.Seconds }

// received is what a receiver says.
type received struct {
	Frames  uint64  `json:"frames"`
	Dropped uint64  `json:"dropped"` // no room in the ring
	Told    uint64  `json:"told"`    // observations that the slow side had no room for
	CPU     float64 `json:"cpu"`     // seconds
}

// trial is one rate tried.
type trial struct {
	sent     sent
	received received
	queue    uint64 // frames for which the kernel's queue before the ring had no room
}

func (t trial) rate() float64 { return t.sent.rate() }
func (t trial) lost() uint64  { return t.received.Dropped + t.queue }

func (t trial) String() string {
	return fmt.Sprintf("%9.0f frames/s: %d sent = %d seen + %d dropped by the ring + %d by the queue before it; %d observations dropped; %.0f ns a frame",
		t.rate(), t.sent.Frames, t.received.Frames, t.received.Dropped, t.queue, t.received.Told, t.received.CPU*1e9/float64(max(1, t.received.Frames)))
}

// drained is by when a receiver has read a full ring, 130 000 frames of the shortest, and has seen that no more come.
const drained = time.Second

// trial lets a receiver listen while rate is sent for d. A frame that is in no counter is an error.
func (b *bench) trial(rate float64, d time.Duration) (t trial, err error) {
	queue, err := queueDrops()
	if err != nil {
		return t, err
	}
	cmd := exec.Command("taskset", "-c", receiverCore, b.program, "-part", "receive")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return t, err
	}
	if err := cmd.Start(); err != nil {
		return t, err
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() { // it listens
		return t, fmt.Errorf("receiver: %w", cmd.Wait())
	}
	t.sent, err = b.send(rate, d)
	time.Sleep(drained)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	for lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), &t.received); err != nil {
			return t, fmt.Errorf("receiver said %q: %w", lines.Bytes(), err)
		}
	}
	if err2 := cmd.Wait(); err != nil || err2 != nil {
		return t, fmt.Errorf("sender: %w, receiver: %w", err, err2)
	}
	after, err := queueDrops()
	t.queue = after - queue
	if told := t.received.Frames + t.lost(); err == nil && told != t.sent.Frames {
		err = fmt.Errorf("%d frames are in no counter: %v", int64(t.sent.Frames)-int64(told), t)
	}
	return t, err
}

// send runs a sender.
func (b *bench) send(rate float64, d time.Duration) (s sent, err error) {
	cmd := exec.Command("taskset", "-c", senderCore, b.program, "-part", "send", "-octets", strconv.Itoa(b.octets),
		"-rate", strconv.FormatFloat(rate, 'f', 0, 64), "-for", d.String())
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("sender: %w", err)
	}
	return s, json.NewDecoder(bytes.NewReader(out)).Decode(&s)
}

// queueDrops returns how many frames were lost at the port's queue since it exists.
func queueDrops() (uint64, error) {
	b, err := os.ReadFile("/sys/class/net/" + portName + "/statistics/rx_dropped")
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
}
