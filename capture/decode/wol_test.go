package decode

import (
	"bytes"
	"slices"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

func magicPacket(target capture.MAC) []byte {
	return join(wolSync, bytes.Repeat(target[:], magicRepeats))
}

func TestWakeOnLAN(t *testing.T) {
	pc, boss := capturetest.PC(1), capturetest.PC(2)
	wake := magicPacket(pc.MAC)
	f := func(name string, p *Packet, want capture.MAC) {
		t.Helper()
		p.Src = boss.MAC
		var got capture.MAC
		if said := ofKind(New().Inspect(p), capture.KindWake); len(said) > 0 {
			if got = said[0].Target; said[0].MAC != boss.MAC || len(said) > 1 {
				t.Errorf("%s: said %v", name, said)
			}
		}
		if got != want {
			t.Errorf("%s: wakes %v, want %v", name, got, want)
		}
	}
	udp := func(b []byte) *Packet { return datagram(boss, everyone, 50000, 9, b) }
	frame := func(b []byte) *Packet {
		return &Packet{HasMAC: true, Dst: capture.Broadcast, Ether: EtherWoL, Payload: b, PayloadLen: len(b)}
	}
	f("EtherType", frame(wake), pc.MAC)
	f("EtherType, SecureOn", frame(join(wake, []byte("secret"))), pc.MAC)
	f("EtherType, something in front", frame(join([]byte{0}, wake)), capture.MAC{})
	f("UDP", udp(wake), pc.MAC)
	f("UDP, SecureOn", udp(join(wake, []byte{1, 2, 3, 4})), pc.MAC)
	f("UDP, something in front", udp(join([]byte("wake up"), wake)), pc.MAC)
	f("UDP, more 0xff in front", udp(join([]byte{0xff, 0xff, 0xff}, wake)), pc.MAC)
	f("UDP, a sync that is none in front", udp(join(wolSync, []byte("no"), wake)), pc.MAC)
	f("fifteen times", udp(wake[:len(wake)-1]), capture.MAC{})
	odd := slices.Clone(wake)
	odd[len(odd)-1]++
	f("one is another", udp(odd), capture.MAC{})
	f("five 0xff", udp(wake[1:]), capture.MAC{})
	f("all 0xff", udp(bytes.Repeat([]byte{0xff}, 1400)), capture.MAC{})
	f("zero", udp(magicPacket(capture.MAC{})), capture.MAC{})
	f("a group", udp(magicPacket(capture.MAC{1, 0, 0x5e, 0, 0, 1})), capture.MAC{})
}

func FuzzWakeOnLAN(f *testing.F) {
	pc := capturetest.PC(1)
	f.Add(magicPacket(pc.MAC))
	f.Add(join([]byte{0xff, 0, 0xff}, magicPacket(pc.MAC)))
	f.Add(bytes.Repeat([]byte{0xff}, 200))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		p := datagram(pc, everyone, 50000, 9, b)
		d.p, d.obs = p, d.obs[:0]
		took := wolUDP(d, p)
		if took != (len(d.obs) == 1) {
			t.Fatalf("took %v and said %v", took, d.obs)
		}
		// The plain way: look at every octet.
		want := false
		for i := 0; i+magicLen <= len(b) && !want; i++ {
			if target := b[i+magicSync : i+magicSync+6]; isStation(capture.MAC(target)) {
				want = bytes.Equal(b[i:i+magicLen], magicPacket(capture.MAC(target)))
			}
		}
		if took != want {
			t.Errorf("took %v, want %v: % x", took, want, b)
		}
		if took && !bytes.Contains(b, magicPacket(d.obs[0].Target)) {
			t.Errorf("wakes %v, which is not there", d.obs[0].Target)
		}
	})
}
