package decode

import (
	"fmt"
	"strings"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// says decodes and inspects one Ethernet frame and returns its observations, a word each: what was done, or the origin
// and the address or name.
func says(d *Decoder, data []byte) (Verdict, string) {
	fr := capturetest.Frame(data)
	var p Packet
	d.forget()
	v := d.Decode(&fr, &p)
	var words []string
	for _, o := range d.Inspect(&p) {
		switch o.Kind {
		case capture.KindAddr:
			words = append(words, o.Origin.String()+"="+o.Addr.String())
		case capture.KindName:
			words = append(words, o.Origin.String()+"="+o.Name)
		case capture.KindEvidence:
			words = append(words, fmt.Sprint("did ", o.Evidence))
		default:
			words = append(words, fmt.Sprintf("%+v", o))
		}
	}
	return v, strings.Join(words, ", ")
}

// did is the word of says for a piece of evidence.
func did(e capture.Evidence) string { return fmt.Sprint("did ", e) }

func TestARP(t *testing.T) {
	pc, other := capturetest.PC(1), capturetest.PC(2)
	d := New()
	f := func(name string, data []byte, verdict Verdict, want string) {
		t.Helper()
		if v, got := says(d, data); v != verdict || got != want {
			t.Errorf("%s: %v, %q, want %v, %q", name, v, got, verdict, want)
		}
	}
	change := func(data []byte, at int, b ...byte) []byte { copy(data[at:], b); return data }
	addr := "arp=" + pc.Addr.String() + ", "
	f("request", capturetest.ARP(t, 1, pc, other), Whole, addr+did(capture.EvidenceARPRequest))
	f("reply", capturetest.ARP(t, 2, pc, other), Whole, addr+did(capture.EvidenceARPReply))
	f("announcement", capturetest.ARP(t, 1, pc, pc), Whole, addr+did(capture.EvidenceARPAnnounce))
	f("announcement as reply", capturetest.ARP(t, 2, pc, pc), Whole, addr+did(capture.EvidenceARPAnnounce))
	f("probe", change(capturetest.ARP(t, 1, pc, other), 28, 0, 0, 0, 0), Whole, did(capture.EvidenceARPProbe))
	f("IEEE 802 hardware", change(capturetest.ARP(t, 1, pc, other), 14, 0, 6), Whole, addr+did(capture.EvidenceARPRequest))
	f("for another", change(capturetest.ARP(t, 2, pc, other), 22, 2), Malformed, "")
	f("hardware type", change(capturetest.ARP(t, 1, pc, other), 14, 0, 7), Malformed, "")
	f("protocol", change(capturetest.ARP(t, 1, pc, other), 16, 8, 1), Malformed, "")
	f("size of hardware addresses", change(capturetest.ARP(t, 1, pc, other), 18, 8), Malformed, "")
	f("operation 0", change(capturetest.ARP(t, 1, pc, other), 20, 0, 0), Malformed, "")
	f("operation 26", change(capturetest.ARP(t, 1, pc, other), 20, 0, 26), Malformed, "")
	f("InARP", change(capturetest.ARP(t, 1, pc, other), 20, 0, 8), Whole, "")
	f("too short", capturetest.ARP(t, 1, pc, other)[:41], Malformed, "")
}

// icmp6Frame returns an ICMPv6 message from fe80::1 to ff02::1 with its checksum.
func icmp6Frame(hops uint8, alert bool, msg string) []byte {
	b := []byte(msg)
	if !alert {
		return sum6(ether6(ProtoICMPv6, hops, b), 54)
	}
	return sum6(ether6(0, hops, append([]byte("\x3a\x00\x05\x02\x00\x00\x01\x00"), b...)), 62)
}

// sum6 puts the checksum into the ICMPv6 message at octet at.
func sum6(frame []byte, at int) []byte {
	msg := frame[at:]
	if len(msg) < 4 {
		return frame
	}
	msg[2], msg[3] = 0, 0
	s := ^fold(sum(sum(uint64(len(msg))+ProtoICMPv6, frame[22:54]), msg))
	msg[2], msg[3] = byte(s>>8), byte(s)
	return frame
}

const (
	zero16   = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	target16 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x15" // 2001:db8::15
	group16  = "\xff\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xfb"
)

func TestICMP6(t *testing.T) {
	d := New()
	f := func(name string, data []byte, verdict Verdict, want string) {
		t.Helper()
		if v, got := says(d, data); v != verdict || got != want {
			t.Errorf("%s: %v, %q, want %v, %q", name, v, got, verdict, want)
		}
	}
	own, others := "\x01\x01\x2c\xf0\x5d\x10\x00\x01", "\x01\x01\x2c\xf0\x5d\x10\x00\x02"
	ownTarget, othersTarget := "\x02"+own[1:], "\x02"+others[1:]
	nd := func(msg string) []byte { return icmp6Frame(255, false, msg) }
	from := "nd=fe80::1, "
	f("RS", nd("\x85\x00\x00\x00\x00\x00\x00\x00"+own), Whole, from+did(capture.EvidenceRouterSolicit))
	f("RA", nd("\x86\x00\x00\x00\x40\x00\x07\x08"+zero16[:8]+own), Whole, from+did(capture.EvidenceRouterAdvert))
	f("NS", nd("\x87\x00\x00\x00\x00\x00\x00\x00"+target16+own), Whole, from+did(capture.EvidenceNeighborSolicit))
	f("NS with another's MAC", nd("\x87\x00\x00\x00\x00\x00\x00\x00"+target16+others), Whole,
		did(capture.EvidenceNeighborSolicit))
	f("NA, unasked", nd("\x88\x00\x00\x00\x20\x00\x00\x00"+target16+ownTarget), Whole,
		"nd=2001:db8::15, "+did(capture.EvidenceNeighborAdvert))
	f("NA, asked", nd("\x88\x00\x00\x00\x60\x00\x00\x00"+target16+ownTarget), Whole, "nd=2001:db8::15")
	f("NA for another", nd("\x88\x00\x00\x00\x60\x00\x00\x00"+target16+othersTarget), Whole, "")
	f("NA of a group", nd("\x88\x00\x00\x00\x60\x00\x00\x00"+group16+ownTarget), Whole, "")
	f("option of length 0", nd("\x87\x00\x00\x00\x00\x00\x00\x00"+target16+"\x01\x00......"), Whole, "")
	f("option past the end", nd("\x87\x00\x00\x00\x00\x00\x00\x00"+target16+"\x01\x02......"), Whole, "")
	f("too short", nd("\x87\x00\x00\x00\x00\x00\x00\x00"+target16[:8]), Whole, "")
	f("passed on by a router", icmp6Frame(254, false, "\x87\x00\x00\x00\x00\x00\x00\x00"+target16+own), Whole, "")
	dad := nd("\x87\x00\x00\x00\x00\x00\x00\x00" + target16)
	copy(dad[22:38], zero16)
	f("DAD", sum6(dad, 54), Whole, did(capture.EvidenceDAD))
	broken := nd("\x85\x00\x00\x00\x00\x00\x00\x00" + own)
	broken[56] ^= 0x40
	f("checksum", broken, Malformed, "")
	f("MLD report", icmp6Frame(1, true, "\x83\x00\x00\x00\x00\x00\x00\x00"+group16), Whole, from+did(capture.EvidenceMLD))
	f("MLD done", icmp6Frame(1, true, "\x84\x00\x00\x00\x00\x00\x00\x00"+group16), Whole, from+did(capture.EvidenceMLD))
	f("MLD query", icmp6Frame(1, true, "\x82\x00\x00\x00\x27\x10\x00\x00"+zero16), Whole, from+did(capture.EvidenceMLDQuery))
	f("MLDv2 report", icmp6Frame(1, true, "\x8f\x00\x00\x00\x00\x00\x00\x01\x04\x00\x00\x00"+group16), Whole,
		from+did(capture.EvidenceMLD))
	f("MLDv2 record past the end", icmp6Frame(1, true, "\x8f\x00\x00\x00\x00\x00\x00\x01\x04\x00\x00\x01"+group16), Whole, "")
	f("MLD report of no group", icmp6Frame(1, true, "\x83\x00\x00\x00\x00\x00\x00\x00"+target16), Whole, "")
	f("MLD without router alert", icmp6Frame(1, false, "\x83\x00\x00\x00\x00\x00\x00\x00"+group16), Whole, "")
}

// igmpFrame returns an IGMP message of PC 1 with its checksum.
func igmpFrame(msg string) []byte {
	b := []byte(msg)
	if len(b) >= 4 {
		b[2], b[3] = 0, 0
		s := ^fold(sum(0, b))
		b[2], b[3] = byte(s>>8), byte(s)
	}
	return ether4(protoIGMP, b)
}

func TestIGMP(t *testing.T) {
	d := New()
	f := func(name, msg, want string) {
		t.Helper()
		if v, got := says(d, igmpFrame(msg)); v != Whole || got != want {
			t.Errorf("%s: %v, %q, want %q", name, v, got, want)
		}
	}
	const group = "\xef\xff\xff\xfa"
	f("v1 report", "\x12\x00\x00\x00"+group, did(capture.EvidenceIGMP))
	f("v2 report", "\x16\x00\x00\x00"+group, did(capture.EvidenceIGMP))
	f("leave", "\x17\x00\x00\x00"+group, did(capture.EvidenceIGMP))
	f("v3 report", "\x22\x00\x00\x00\x00\x00\x00\x01\x04\x00\x00\x00"+group, did(capture.EvidenceIGMP))
	f("v3 report, record past the end", "\x22\x00\x00\x00\x00\x00\x00\x01\x04\x00\x00\x01"+group, "")
	f("v3 report, record missing", "\x22\x00\x00\x00\x00\x00\x00\x02\x04\x00\x00\x00"+group, "")
	f("query", "\x11\x64\x00\x00\x00\x00\x00\x00", did(capture.EvidenceIGMPQuery))
	f("query of no group", "\x11\x64\x00\x00\x0a\x00\x00\x01", "")
	f("report of no group", "\x16\x00\x00\x00\x0a\x00\x00\x01", "")
	f("PIM version 1", "\x14\x00\x00\x00"+group, "")
	broken := igmpFrame("\x16\x00\x00\x00" + group)
	broken[36] ^= 1
	if v, got := says(d, broken); v != Malformed || got != "" {
		t.Errorf("wrong checksum: %v, %q", v, got)
	}
}

const (
	lldpStart = "\x02\x07\x04\x00\x21\x1b\xae\x31\x80\x04\x06\x05Gi0/1\x06\x02\x00\x78"
	cdpStart  = "\x02\xb4\x00\x00"
)

// snap returns an 802.3 frame with CDP.
func snap(cdp string) []byte {
	return append(append(etherHeader(uint16(len(cdpSNAP)+len(cdp))), cdpSNAP...), cdp...)
}

func TestNeighbourNames(t *testing.T) {
	d := New()
	f := func(name string, data []byte, want string) {
		t.Helper()
		if v, got := says(d, data); v != Whole || got != want {
			t.Errorf("%s: %v, %q, want %q", name, v, got, want)
		}
	}
	lldp := func(b string) []byte { return append(etherHeader(etherLLDP), b...) }
	f("LLDP", lldp(lldpStart+"\x0a\x02S1\x00\x00"), "lldp=S1")
	f("LLDP, padded", lldp(lldpStart+"\x0a\x02S1\x00\x00\x00\x00\x00\x00"), "lldp=S1")
	f("LLDP without a name", lldp(lldpStart+"\x00\x00"), "")
	f("LLDP without an end", lldp(lldpStart+"\x0a\x02S1"), "")
	f("LLDP out of order", lldp("\x0a\x02S1"+lldpStart+"\x00\x00"), "")
	f("LLDP, name past the end", lldp(lldpStart+"\x0a\x09S1\x00\x00"), "")
	f("LLDP, name that is none", lldp(lldpStart+"\x0a\x02\x01\xff\x00\x00"), "")
	f("CDP", snap(cdpStart+"\x00\x01\x00\x06R1\x00\x03\x00\x05x"), "cdp=R1")
	f("CDP, length below 4", snap(cdpStart+"\x00\x01\x00\x06R1\x00\x03\x00\x03"), "")
	f("CDP, length past the end", snap(cdpStart+"\x00\x01\x00\x07R1"), "")
	f("CDP, version", snap("\x09\xb4\x00\x00\x00\x01\x00\x06R1"), "")
	f("CDP in GRE", ether4(protoGRE, []byte("\x00\x00\x20\x00"+cdpStart+"\x00\x01\x00\x06R1")), "cdp=R1")
	long := capturetest.Frame(snap(cdpStart + "\x00\x01\x00\x06R1" + "\x00\x05\x00\x20" + strings.Repeat("x", 28)))
	long.Data = long.Data[:len(long.Data)-20]
	var p Packet
	if v := d.Decode(&long, &p); v != Cut {
		t.Errorf("%v, want cut", v)
	}
	if obs := d.Inspect(&p); len(obs) != 1 || obs[0].Name != "R1" {
		t.Errorf("CDP cut short behind the name says %+v", obs)
	}
}

// fuzzSays fuzzes a message and asserts of what it says that each is well formed and of the frame's own sender.
func fuzzSays(f *testing.F, wrap func(b []byte) []byte, kinds ...capture.Kind) {
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		if len(b) > maxLength-8 {
			return
		}
		p := check(t, d, capture.LinkEthernet, wrap(b), int(cut))
		for _, o := range d.Inspect(p) {
			known := false
			for _, k := range kinds {
				known = known || o.Kind == k
			}
			if !known || o.MAC != capturetest.PC(1).MAC || o.Time != capturetest.At.UnixNano() {
				t.Errorf("%+v", o)
			}
			if o.Kind == capture.KindAddr && !usable(o.Addr) {
				t.Errorf("address %v", o.Addr)
			}
			if o.Kind == capture.KindName && (o.Name == "" || len(o.Name) > capture.MaxName || strings.ContainsFunc(o.Name,
				func(r rune) bool { return r < ' ' || r > '~' })) {
				t.Errorf("name %q", o.Name)
			}
		}
	})
}

func FuzzARP(f *testing.F) {
	f.Add(capturetest.ARP(f, 1, capturetest.PC(1), capturetest.PC(2))[14:], uint16(30))
	f.Add(capturetest.ARP(f, 2, capturetest.PC(1), capturetest.PC(1))[14:], uint16(30))
	fuzzSays(f, func(b []byte) []byte { return append(etherHeader(EtherARP), b...) }, capture.KindAddr, capture.KindEvidence)
}

func FuzzICMP6(f *testing.F) {
	f.Add([]byte("\x87\x00\x00\x00\x00\x00\x00\x00"+target16+"\x01\x01\x2c\xf0\x5d\x10\x00\x01"), uint16(60))
	f.Add([]byte("\x88\x00\x00\x00\x20\x00\x00\x00"+target16+"\x02\x01\x2c\xf0\x5d\x10\x00\x01"), uint16(60))
	f.Add([]byte("\x86\x00\x00\x00\x40\x00\x07\x08"+zero16[:8]+"\x01\x01\x2c\xf0\x5d\x10\x00\x01"), uint16(60))
	f.Add([]byte("\x8f\x00\x00\x00\x00\x00\x00\x01\x04\x00\x00\x00"+group16), uint16(60))
	fuzzSays(f, func(b []byte) []byte {
		if len(b) > 0 && b[0] < 133 || len(b) > 0 && b[0] == mldReport2 {
			return icmp6Frame(1, true, string(b))
		}
		return icmp6Frame(255, false, string(b))
	}, capture.KindAddr, capture.KindEvidence)
}

func FuzzIGMP(f *testing.F) {
	f.Add([]byte("\x16\x00\x00\x00\xef\xff\xff\xfa"), uint16(40))
	f.Add([]byte("\x22\x00\x00\x00\x00\x00\x00\x01\x04\x00\x00\x00\xef\xff\xff\xfa"), uint16(40))
	fuzzSays(f, func(b []byte) []byte { return igmpFrame(string(b)) }, capture.KindEvidence)
}

func FuzzLLDP(f *testing.F) {
	f.Add([]byte(lldpStart+"\x0a\x02S1\x00\x00"), uint16(40))
	fuzzSays(f, func(b []byte) []byte { return append(etherHeader(etherLLDP), b...) }, capture.KindName)
}

func FuzzCDP(f *testing.F) {
	f.Add([]byte(cdpStart+"\x00\x01\x00\x06R1\x00\x03\x00\x05x"), uint16(40))
	fuzzSays(f, func(b []byte) []byte { return snap(string(b)) }, capture.KindName)
}
