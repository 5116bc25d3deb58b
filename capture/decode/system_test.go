package decode

import (
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// syn returns a SYN with a TTL, a window and options, as the decoder's fields have it.
func syn(ttl uint8, window uint16, options string) *Packet {
	return &Packet{
		HasMAC: true, HasIP: true, Ether: EtherIPv4, Proto: ProtoTCP, TCPFlags: flagSYN, TTL: ttl, Window: window,
		Options: []byte(options), Src: capturetest.PC(1).MAC, SrcAddr: capturetest.PC(1).Addr, DstAddr: capturetest.Server().Addr,
	}
}

// What systems' SYNs have behind a maximum segment size of 1460.
const (
	windowsSYN = "\x02\x04\x05\xb4\x01\x03\x03\x08\x01\x01\x04\x02"
	linuxSYN   = "\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x01\x03\x03\x07"
	appleSYN   = "\x02\x04\x05\xb4\x01\x03\x03\x06\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x04\x02\x00\x00"
)

func TestSystem(t *testing.T) {
	f := func(name, want string, p *Packet) {
		t.Helper()
		got := ""
		for _, o := range New().Inspect(p) {
			if o.Kind == capture.KindSystem && o.MAC == p.Src {
				got += o.Name
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	f("Windows 10", "Windows", syn(128, 64240, windowsSYN))
	f("Windows 7", "Windows", syn(128, 8192, windowsSYN))
	f("Windows, behind a router", "", syn(127, 64240, windowsSYN))
	f("Linux", "Linux", syn(64, 29200, linuxSYN))
	f("Android", "Android", syn(64, 65535, linuxSYN))
	f("Android, behind a router", "", syn(63, 65535, linuxSYN))
	f("macOS", "Apple", syn(64, 65535, appleSYN))
	f("Linux's options with the TTL of Windows", "", syn(128, 64240, linuxSYN))
	f("no options", "", syn(128, 64240, ""))
	f("another option among them", "", syn(128, 64240, windowsSYN+"\x1e\x04\x00\x00"))
	f("more options than any", "", syn(128, 64240, windowsSYN+windowsSYN))
	f("a length that lies", "", syn(128, 64240, "\x02\x00\x05\xb4"))
	f("a length that is cut", "", syn(128, 64240, "\x02"))
	answer := syn(128, 64240, windowsSYN)
	answer.TCPFlags |= flagACK
	f("an answer", "", answer)
	tunnelled := syn(128, 64240, windowsSYN)
	tunnelled.Tunnels = 1
	f("in a tunnel", "", tunnelled)
}

// TestSystemIsToldOnceAMinute: a flood of SYNs says no more than one.
func TestSystemIsToldOnceAMinute(t *testing.T) {
	d, n := New(), 0
	p := syn(128, 64240, windowsSYN)
	for i := range int64(100_000) {
		p.Time, p.SrcPort, p.Seq = i*1_000_000, uint16(i), uint32(i)
		for _, o := range d.Inspect(p) {
			if o.Kind == capture.KindSystem {
				n++
			}
		}
	}
	if n != 2 {
		t.Errorf("told %d times in 100 s, want 2", n)
	}
}

// FuzzSystem: the layout of options has no more digits than there are octets.
func FuzzSystem(f *testing.F) {
	for _, s := range []string{windowsSYN, linuxSYN, appleSYN, "\x02\x00", "\x05\x0a"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		layout, n := layoutOf(b), 0
		for x := layout; x != 0; x >>= 4 {
			n++
		}
		if n > len(b) || n > 8 {
			t.Errorf("%d kinds in %d octets", n, len(b))
		}
	})
}
