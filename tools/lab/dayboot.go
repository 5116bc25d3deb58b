package main

import (
	"bufio"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"cafeprobe/tools/lab/day"
)

// bootImage is what a diskless computer of the day runs: it gets the start of its disk from the boot server, and says that it
// has it.
const bootImage = `#!ipxe
echo Quan net Hoa Phuong
imgfetch http://maychu.cafe.lan/image/win10.version || shell
imgfree
imgfetch http://maychu.cafe.lan/image/disk || shell
imgfree
imgfetch http://maychu.cafe.lan/image/last || shell
sleep 60
`

// starts is how long Windows takes, once its disk is there, until it asks for an address.
const starts = 18 * time.Second

// boot switches a computer on: a diskless one over the network, in a guest, until it has its disk; then its system starts,
// which in a computer with a disk it does at once.
func (c *conductor) boot(h *host) error {
	if h.role == "server" { // it runs as soon as it is on
		if err := c.l.powerOn(h); err != nil {
			return err
		}
		a, err := c.l.startAgent(h, "pc")
		c.mu.Lock()
		defer c.mu.Unlock()
		c.agents[h.name] = a
		return err
	}
	on := powered{who: h.station, from: time.Now()}
	c.mu.Lock()
	c.ready[h.name] = append(c.ready[h.name], on)
	c.mu.Unlock()
	c.l.mu.Lock()
	c.l.power = append(c.l.power, on)
	c.l.mu.Unlock()
	if h.uuid != "" {
		c.guests <- struct{}{}
		err := c.l.bootGuest(h)
		<-c.guests
		if err != nil {
			return err
		}
	}
	wait := starts
	if h.role == "phone" {
		wait = 2 * time.Second
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	heap.Push(&c.queue, day.Step{At: c.clock.now().Add(wait).Sub(c.zero), Who: h.name, Do: system})
	return nil
}

// bootGuest lets a guest boot from the network and takes it away once it has its disk.
func (l *lab) bootGuest(h *host) error {
	tap := h.name + "-rom"
	if err := l.addTap(tap); err != nil {
		return err
	}
	before := l.count("boot", h.bootedBy())
	p, err := l.start(l.bridge, tap+"-qemu", "qemu-system-x86_64",
		"-name", h.name, "-uuid", h.uuid, "-machine", "pc", "-accel", "tcg", "-m", "64", "-nodefaults", "-no-user-config",
		"-display", "none", "-serial", "none", "-boot", "n", "-monitor", "none",
		"-netdev", "tap,id=lan,ifname="+tap+",script=no,downscript=no",
		"-device", "e1000,netdev=lan,romfile="+guestROM+",mac="+h.mac)
	if err != nil {
		return err
	}
	defer func() { _ = ip("-n", l.bridge, "link", "delete", tap) }()
	defer func() { _ = p.stop() }()
	for end := time.Now().Add(2 * patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case <-p.done:
			return fmt.Errorf("qemu ended: %w", p.err)
		default:
		}
		if l.count("boot", h.bootedBy()) > before {
			return nil
		}
	}
	return fmt.Errorf("it has not booted within %v", 2*patience)
}

func (h *host) bootedBy() string { return "booted\t" + h.addr + "\n" }

// count returns how often a program has said a line.
func (l *lab) count(name, line string) int {
	text, _ := os.ReadFile(filepath.Join(l.dir, name+".log"))
	return strings.Count(string(text), line)
}

// startSystem connects a client's namespace, gets it an address as its system does, and starts its agent. It is ready
// once it has asked whether there is an internet.
func (c *conductor) startSystem(h *host) error {
	if err := ip("-n", c.l.bridge, "link", "set", h.name, "up"); err != nil {
		return err
	}
	if err := ip("-n", h.ns, "link", "set", "eth0", "up"); err != nil {
		return err
	}
	if err := c.l.lease(h); err != nil {
		return err
	}
	kind, check := "pc", "www.msftconnecttest.com/connecttest.txt"
	if h.role == "phone" {
		kind, check = "phone", "connectivitycheck.gstatic.com/generate_204"
	}
	a, err := c.l.startAgent(h, kind)
	if err != nil {
		return err
	}
	if err := a.ask(order{Do: day.Deed(day.Boot), To: check}); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agents[h.name] = a
	c.last[h.name] = c.clock.now()
	list := c.ready[h.name]
	list[len(list)-1].to = time.Now()
	return nil
}

// agentOf is the lab's end of an agent.
type agentOf struct {
	p  *process
	in *os.File

	mu      sync.Mutex
	n       int
	waiting map[int]chan answer
}

// startAgent starts a client's agent and waits until it is there.
func (l *lab) startAgent(h *host, kind string) (*agentOf, error) {
	key, err := l.worldKey()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(l.dir, h.name+"-")
	if err != nil {
		return nil, err
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	a := &agentOf{in: in, waiting: map[int]chan answer{}}
	a.p, err = l.launch(h.ns, h.name+"-agent", func(cmd *exec.Cmd) { cmd.Stdin, cmd.Stdout = theirIn, theirOut },
		l.program, "agent", key, folder, kind)
	_, _ = theirIn.Close(), theirOut.Close()
	if err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return nil, errors.New("the agent ended at once")
	}
	go a.listen(lines, out)
	return a, nil
}

// worldKey is the hash of the world's key, as the world says it.
func (l *lab) worldKey() (key string, err error) {
	err = eachLine(filepath.Join(l.dir, "world.log"), func(line string) {
		if k, ok := strings.CutPrefix(line, "key\t"); ok {
			key = k
		}
	})
	return key, err
}

// listen takes the agent's answers until it ends; who then still waits is told so.
func (a *agentOf) listen(lines *bufio.Scanner, out *os.File) {
	for lines.Scan() {
		var x answer
		if json.Unmarshal(lines.Bytes(), &x) != nil {
			continue
		}
		a.mu.Lock()
		if w := a.waiting[x.ID]; w != nil {
			w <- x
			delete(a.waiting, x.ID)
		}
		a.mu.Unlock()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, w := range a.waiting {
		w <- answer{ID: id, Err: "the agent has ended"}
	}
	a.waiting = nil
	_, _ = a.in.Close(), out.Close()
}

// ask has the agent do something and waits until it is done.
func (a *agentOf) ask(o order) error {
	done := make(chan answer, 1)
	a.mu.Lock()
	if a.waiting == nil {
		a.mu.Unlock()
		return errors.New("the agent has ended")
	}
	a.n++
	o.ID = a.n
	a.waiting[o.ID] = done
	text, err := json.Marshal(o)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	_, err = a.in.Write(append(text, '\n'))
	a.mu.Unlock()
	if err != nil {
		return err
	}
	if x := <-done; x.Err != "" {
		return errors.New(x.Err)
	}
	return nil
}
