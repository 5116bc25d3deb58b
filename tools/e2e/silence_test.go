package e2e

import (
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cafeprobe/capture/capturetest"
	"cafeprobe/uplink"
)

// TestSilence: whatever is done to a capture port, its interface and its daemon, not one frame comes out of it, counted at the
// other end of its cable. And that count would have seen one: at the end somebody takes the box's rules away and sends a
// single frame. `make soak` does this for an hour.
func TestSilence(t *testing.T) {
	length := 14 * time.Second
	if long() {
		length = time.Hour
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	m := newMirror(t, false)
	p := newSite(t, t.TempDir(), "")
	d := &disturber{m: m, b: p.listener(t, m), random: rand.New(rand.NewPCG(seed, 0)), done: map[string]int{}}
	stop := m.provoke(t)
	d.life = d.b.listen(t)
	d.await()
	for end := time.Now().Add(length); time.Now().Before(end); {
		d.disturb()
		time.Sleep(time.Duration(d.random.IntN(400)) * time.Millisecond)
	}
	provoked := stop()
	t.Logf("%v, %d frames to provoke it; %v", length, provoked, d.done)
	if provoked < 1000 || len(d.done) < len(disturbances) && long() {
		t.Errorf("%d frames to provoke it, and %d kinds of disturbance, want a thousand and %d", provoked, len(d.done), len(disturbances))
	}
	m.wantSent(0)
	if !t.Failed() {
		d.sendOne(p)
	}
}

// provoke sends provocations and a café's evening out of the far end until stop is called, which returns how many went out.
func (m *mirror) provoke(t *testing.T) (stop func() int) {
	t.Helper()
	asking, evening := provocations(t), cafeFrames(t)
	quit := make(chan struct{})
	var wg sync.WaitGroup
	n := 0
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			case <-time.After(time.Millisecond):
			}
			for _, f := range [][]byte{asking[i%len(asking)], evening[i%len(evening)]} {
				if m.transmit(f) {
					n++
				}
			}
		}
	})
	return sync.OnceValue(func() int { close(quit); wg.Wait(); return n })
}

// disturber does to a box what months in a café do.
type disturber struct {
	m      *mirror
	b      *box
	life   *life
	random *rand.Rand
	done   map[string]int
}

// disturbances, each by name.
var disturbances = map[string]func(*disturber){
	"port flaps":    func(d *disturber) { d.flap(d.m.port) },
	"far end flaps": func(d *disturber) { d.flap(func(args string) bool { d.m.farEnd(args); return true }) },
	"jumbo frames":  func(d *disturber) { d.m.port("mtu 9000"); d.m.farEnd("mtu 9000") },
	"small frames":  func(d *disturber) { d.m.farEnd("mtu 1400"); d.m.port("mtu 1400") },
	"killed":        func(d *disturber) { d.life.kill(); d.again() },
	"restarted":     func(d *disturber) { d.life.end(); d.again() },
	"killed while it starts": func(d *disturber) {
		d.life.kill()
		d.life = d.b.listen(d.m.t)
		time.Sleep(time.Duration(d.random.IntN(150)) * time.Millisecond)
		d.life.kill()
		d.again()
	},
	// The card is pulled out and put in again, as USB does it. The daemon has no right any more to silence the new interface;
	// whoever has started it ends it and starts it again.
	"replugged": func(d *disturber) {
		d.await()
		d.m.cut()
		d.pause()
		d.m.lay()
		d.pause()
		d.life.end()
		d.again()
	},
	// Put back by hand instead, the new interface has the namespace's layers (no IPv6, no address), and netfilter's where the
	// kernel takes an interface by its name (6.18 does).
	"replugged and put back": func(d *disturber) {
		d.await()
		d.m.cut()
		d.m.lay()
		run(d.m.t, "ip", "link", "set", portName, "netns", d.m.box)
		d.m.port("up")
		seen := d.life.latest.Frames
		d.life.await("it listens to the new one", func(p progress) bool { return p.Frames > seen+100 })
		d.life.end()
		d.again()
	},
	// A daemon whose interface goes away before it is silent ends with an error; it too is started anew.
	"replugged while it starts": func(d *disturber) {
		d.life.kill()
		d.life = d.b.listen(d.m.t)
		d.pause()
		d.m.cut()
		d.m.lay()
		d.life.kill()
		d.again()
	},
	"replugged while it is dead": func(d *disturber) { d.life.kill(); d.m.cut(); d.m.lay(); d.again() },
}

func (d *disturber) disturb() {
	names := slices.Sorted(maps.Keys(disturbances))
	name := names[d.random.IntN(len(names))]
	disturbances[name](d)
	d.done[name]++
}

func (d *disturber) flap(set func(args string) bool) {
	for range 1 + d.random.IntN(3) {
		set("down")
		d.pause()
		set("up")
		d.pause()
	}
}

func (d *disturber) pause() { time.Sleep(time.Duration(d.random.IntN(100)) * time.Millisecond) }

// again starts the daemon, and waits for it half of the time.
func (d *disturber) again() {
	d.m.t.Helper()
	d.life = d.b.listen(d.m.t)
	if d.random.IntN(2) == 0 {
		d.await()
	}
}

// await waits until frames come through.
func (d *disturber) await() {
	d.m.t.Helper()
	d.life.await("frames come through", func(p progress) bool { return p.Frames > 0 })
}

// sendOne is the proof that the count counts: one frame is refused while the box's rules stand, and comes out when they
// are gone; the daemon notices it and tells the province.
func (d *disturber) sendOne(p *site) {
	t, m := d.m.t, d.m
	t.Helper()
	m.farEnd("up")
	d.life.end()
	d.life = d.b.listen(t)
	d.life.await("the daemon is there", func(pr progress) bool { return pr.Records > 0 && pr.Receipted == pr.Records })
	before := len(p.told(t, d.b, uplink.KindSecurity))
	frame := raw(t, "ffffffffffff", "88b5", "01")
	if err := m.sendFromBox(frame); !errors.Is(err, unix.ENOBUFS) {
		t.Errorf("a frame from the port's namespace: %v, want %v", err, unix.ENOBUFS)
	}
	m.wantSent(0)
	capturetest.Within(m.t, m.box, func() {
		if err := deleteTable("cafeprobe"); err != nil {
			t.Fatal(err)
		}
	})
	if err := m.sendFromBox(frame); err != nil {
		t.Errorf("a frame when the rules are gone: %v", err)
	}
	m.wantSent(1)
	told := p.awaitTold(t, d.b, uplink.KindSecurity, before+1)
	if s := told[before].(*uplink.Security); before != 0 || s.What != uplink.SecuritySent || s.Count != 1 || s.Topic != "capture" {
		t.Errorf("%d security records before, then %+v, want none, then one frame sent from capture", before, s)
	}
}

// deleteTable deletes a netfilter table of the family netdev in the calling thread's namespace, as nft(8) would.
func deleteTable(name string) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	message := func(kind, flags uint16, family, resource byte, attr []byte) []byte {
		b := binary.NativeEndian.AppendUint32(nil, uint32(20+len(attr)))
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = binary.NativeEndian.AppendUint16(b, flags|unix.NLM_F_REQUEST)
		return append(append(b, 1, 0, 0, 0, 0, 0, 0, 0, family, unix.NFNETLINK_V0, 0, resource), attr...)
	}
	attr := binary.NativeEndian.AppendUint16(nil, uint16(4+len(name)+1))
	attr = append(binary.NativeEndian.AppendUint16(attr, unix.NFTA_TABLE_NAME), name+"\x00"...)
	attr = append(attr, make([]byte, -len(attr)&3)...)
	batch := message(unix.NFNL_MSG_BATCH_BEGIN, 0, 0, unix.NFNL_SUBSYS_NFTABLES, nil)
	batch = append(batch, message(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_DELTABLE, unix.NLM_F_ACK, unix.NFPROTO_NETDEV, 0, attr)...)
	batch = append(batch, message(unix.NFNL_MSG_BATCH_END, 0, 0, unix.NFNL_SUBSYS_NFTABLES, nil)...)
	if err := unix.Sendto(fd, batch, 0, &unix.SockaddrNetlink{}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil || n < 20 {
		return errors.Join(os.NewSyscallError("recvfrom", err), errors.New("no answer"))
	}
	if code := int32(binary.NativeEndian.Uint32(answer[16:])); code != 0 {
		return os.NewSyscallError("delete table", unix.Errno(-code))
	}
	return nil
}
