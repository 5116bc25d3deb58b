package e2e

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cafeprobe/tools/province"
	"cafeprobe/tools/soak/hold"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// A box's day in a part of its time: all of the box's periods are divided by fast. So what crosses the wire is what a day
// would bring, but for TCP's own timers. The keep-alive, which MQTT counts in whole seconds, is 4 s then; with less, brokers
// give up on clients of a busy machine.
const fast = 60

// settle is for how many of the café's seconds a box tells of what it tells once: roster, vantage, its first checkpoint. What is
// known of strangers comes with the first summary after ten minutes, and what is not urgent waits 240 s more.
const settle = 1500

// bytesBox is the box of the tests of this file.
var bytesBox = uplink.Address{Province: "e2e", Box: "b-000b17e5"}

// roles are what this program does when a test starts it again in a namespace: see TestMain.
var roles = map[string]func() error{"province": provinceRole, "box": boxRole, "collect": collectRole}

const roleVariable = "CAFEPROBE_E2E_ROLE"

// provinceRole runs a province with certificates until its standard input ends. It prints its key and a claim code.
func provinceRole() error {
	p, err := province.New(province.Config{
		Dir: os.Getenv("DIR"), Province: bytesBox.Province,
		Secure: &province.Secure{MQTT: hereAddr + ":8883", Enroll: hereAddr + ":8443", Names: []string{hereAddr}},
	})
	if err != nil {
		return err
	}
	claim, err := p.CA().NewClaim(bytesBox.Box, time.Hour, false)
	if err != nil {
		return err
	}
	fmt.Println(base64.StdEncoding.EncodeToString(p.PublicKey()), claim)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return p.Run(ctx)
}

// boxRole enrols, connects, and lets a café go on for HOURS from OPENING, fast times as fast. It prints a line when it is
// enrolled, one when it has connected and told what a box tells once, and one when the time is over.
func boxRole() error {
	hours, err1 := strconv.Atoi(os.Getenv("HOURS"))
	opening, err2 := strconv.Atoi(os.Getenv("OPENING"))
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	dir := os.Getenv("DIR")
	id, err := spool.LoadIdentity(filepath.Join(dir, spool.IdentityFile))
	if err != nil {
		return err
	}
	cred, err := credential.Open(dir, credential.Config{Box: id.Box, Key: id.Public(), Now: time.Now})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if err := cred.Enroll(ctx, "https://"+hereAddr+":8443", os.Getenv("CLAIM")); err != nil {
		return err
	}
	sp, err := spool.Open(dir, id, spool.Config{Interval: 5 * time.Second / fast})
	if err != nil {
		return err
	}
	fmt.Println("enrolled")
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil { // the test has looked at the counters
		return err
	}
	fw := forward.New(sp, forward.Config{
		Broker: "ssl://" + hereAddr + ":8883", TLS: cred.TLS(), Retry: time.Second, Keep: 4 * time.Minute / fast,
		Delay: 4 * time.Minute / fast, Beat: 10 * time.Minute / fast,
	})
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { fw.Run(ctx) })
	wg.Go(func() { _ = sp.Run(ctx) })
	defer stop()
	r := newRoom(7, 100, &uplinked{sp, fw})
	r.idle = os.Getenv("IDLE") != ""
	r.now += int64(opening) * int64(time.Hour)
	for began, n := time.Now(), -settle; n < hours*3600; n += 10 {
		if n == 0 {
			fmt.Println("connected")
		}
		time.Sleep(time.Until(began.Add(time.Duration(settle+n) * time.Second / fast)))
		if err := r.live(10 * time.Second); err != nil {
			return err
		}
	}
	fmt.Println("over", sp.Head().Seq, sp.Receipted().Seq, fw.Stats().Connections)
	return nil
}

// uplinked is a sink as the daemon's.
type uplinked struct {
	sp *spool.Spool
	fw *forward.Forwarder
}

func (u *uplinked) Record(r uplink.Record) error { _, err := u.sp.Append(r); return err }
func (u *uplinked) Occ(o uplink.Occ) error       { u.fw.Occ(o); return nil }

// player is this program in a role, in a namespace.
type player struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

// start starts this program in a role, in the namespace ns; in this one if ns is empty.
func start(t testing.TB, ns, role string, env ...string) *player {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &player{t: t, cmd: exec.Command(self)}
	if ns != "" {
		p.cmd = exec.Command("ip", "netns", "exec", ns, self)
	}
	p.cmd.Env = append(append(os.Environ(), roleVariable+"="+role), env...)
	p.cmd.Stderr = t.Output()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stdin.Close()
		end := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
		defer end.Stop()
		_ = p.cmd.Wait() // a role that failed has said nothing where something was expected
	})
	return p
}

// says returns the program's next line, its words.
func (p *player) says() []string {
	p.t.Helper()
	if !p.lines.Scan() {
		p.t.Fatalf("%v ended: %v", p.cmd.Env[len(p.cmd.Env)-1], p.lines.Err())
	}
	return strings.Fields(p.lines.Text())
}

// TestBytes: what a box costs its owner's line, at IP level with TLS, as the kernel counts it. A day at 100 stations is at
// most 700 KB, one in which nobody comes 150 KB, with a new connection in each. Without SOAK one hour is run and multiplied.
func TestBytes(t *testing.T) {
	f := func(name string, limit, opening, share int, idle string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hours := 1
			if long() {
				opening, hours, share = 0, 24, 1
			}
			connect, used := bytesOf(t, name, opening, hours, idle)
			t.Logf("a start costs %d octets at IP level with TLS, %d hours from %02d:00 %d: %d a day (at most %d)", connect, hours,
				opening, used, connect+used*share, limit)
			hold.AtMost(t, "a day on the wire", float64(connect+used*share)/1e3, float64(limit)/1e3, "KB")
		})
	}
	f("busy", 700_000, 18, 16, "") // 14 hours like this one, and 10 hours of night
	f("idle", 150_000, 0, 24, "idle")
}

// bytesOf returns what it costs a box to connect, and then to tell of some hours.
func bytesOf(t *testing.T, name string, opening, hours int, idle string) (connect, used int) {
	t.Helper()
	c := newCable(t, name)
	provinceDir, boxDir := t.TempDir(), t.TempDir()
	p := start(t, c.here, "province", "DIR="+provinceDir)
	said := p.says()
	if len(said) != 2 {
		t.Fatalf("the province says %q, want its key and a claim code", said)
	}
	key, err := base64.StdEncoding.DecodeString(said[0])
	if err != nil {
		t.Fatal(err)
	}
	id, err := spool.NewIdentity(bytesBox, ed25519.PublicKey(key))
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(filepath.Join(provinceDir, province.CADir, credential.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(id.Save(filepath.Join(boxDir, spool.IdentityFile)),
		os.WriteFile(filepath.Join(boxDir, credential.CAFile), root, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, c.there, "box", "DIR="+boxDir, "CLAIM="+said[1], "HOURS="+strconv.Itoa(hours), "OPENING="+strconv.Itoa(opening), "IDLE="+idle)
	b.says()
	enrolled := c.octets(t)
	if _, err := b.stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	b.says()
	connected := c.octets(t)
	said = b.says()
	connect, used = connected-enrolled, c.octets(t)-connected
	t.Logf("records, receipted, connections: %v", said[1:])
	if said[3] != "1" || idle == "" && said[2] == "0" {
		t.Errorf("%v: want one connection, and receipts", said)
	}
	return connect, used
}
