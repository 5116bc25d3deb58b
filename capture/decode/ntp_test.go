package decode

import (
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

func TestNTP(t *testing.T) {
	pc, server := capturetest.PC(1), capturetest.Server()
	f := func(name string, first byte, length int, src, dst uint16, asks, serves int) {
		t.Helper()
		b := make([]byte, length)
		b[0] = first
		said := New().Inspect(datagram(pc, server, src, dst, b))
		a, s := ofKind(said, capture.KindEvidence), ofKind(said, capture.KindService)
		if len(a) != asks || len(s) != serves {
			t.Errorf("%s: asks %d, serves %d; want %d, %d", name, len(a), len(s), asks, serves)
		}
		for _, o := range a {
			if o.Evidence != capture.EvidenceNTPClient || o.MAC != pc.MAC {
				t.Errorf("%s: %v", name, o)
			}
		}
	}
	const v2, v3, v4 = 2 << 3, 3 << 3, 4 << 3
	f("client", v4|3, 48, 50123, 123, 1, 0)
	f("client of version 3, leap unknown", 0xc0|v3|3, 48, 123, 123, 1, 0)
	f("w32time", v3|1, 48, 123, 123, 1, 0)
	f("with key and MAC", v4|3, 68, 123, 123, 1, 0)
	f("server", v4|4, 48, 123, 50123, 0, 1)
	f("symmetric passive", v3|2, 48, 123, 123, 0, 1)
	f("control", v2|6, 48, 50123, 123, 0, 0)
	f("monlist", v2|7, 48, 50123, 123, 0, 0)
	f("version 1", 1<<3|3, 48, 50123, 123, 0, 0)
	f("short", v4|3, 47, 50123, 123, 0, 0)
}

// TestNTPOfSharedCaptures compares with what tshark counts: modes 1 and 3, and modes 2 and 4 (ntp.flags.mode), but for
// the answers that ICMP errors quote.
func TestNTPOfSharedCaptures(t *testing.T) {
	want := map[string][2]int{
		"lan-1kxun_lan_2016--derived.pcap":               {1, 0},
		"lan-android--ndpi.pcap":                         {1, 1},
		"lan-iot_lan_day_2016_08_22--derived.pcap":       {115, 53},
		"lan-iot_lan_day_2016_08_29--derived.pcap":       {12, 12},
		"lan-iot_lan_day_2016_09_05--derived.pcap":       {57, 57},
		"lan-iot_lan_day_2016_09_07--derived.pcap":       {99, 79},
		"lan-wechat--ndpi.pcap":                          {1, 0},
		"mix-goprobe_default_kitchen_sink--derived.pcap": {274, 236},
	}
	for _, name := range sharedFiles(t) {
		d, got := New(), [2]int{}
		eachUDP(t, d, name, func(p *Packet) {
			for _, o := range d.Inspect(p) {
				switch {
				case o.Evidence == capture.EvidenceNTPClient:
					got[0]++
				case o.Kind == capture.KindService && o.Origin == capture.OriginNTP:
					got[1]++
				}
			}
		})
		if got != want[name] {
			t.Errorf("%s: %d ask and %d answer, want %d and %d", name, got[0], got[1], want[name][0], want[name][1])
		}
	}
}

func FuzzNTP(f *testing.F) {
	f.Add(make([]byte, 48), uint16(123), uint16(123))
	f.Add(append([]byte{4<<3 | 4, 2}, make([]byte, 46)...), uint16(123), uint16(50123))
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, src, dst uint16) {
		p := datagram(capturetest.PC(1), capturetest.Server(), src, dst, b)
		d.p, d.obs = p, d.obs[:0]
		if took := ntp(d, p); !took && len(d.obs) > 0 || len(d.obs) > 1 {
			t.Errorf("took %v and said %v", took, d.obs)
		}
		for _, o := range d.obs {
			if len(b) < ntpLen || o.Kind == capture.KindEvidence && dst != 123 || o.Kind == capture.KindService && src != 123 {
				t.Errorf("%v of % x from %d to %d", o, b, src, dst)
			}
		}
	})
}
