package decode

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// tftpSays returns what an observation says, in one word each.
func tftpSays(all []capture.Observation) string {
	var words []string
	for _, o := range all {
		switch o.Kind {
		case capture.KindEvidence:
			words = append(words, "boots")
		case capture.KindQuery:
			words = append(words, o.Name)
		case capture.KindService:
			words = append(words, fmt.Sprintf("serves:%d", o.PeerPort))
		}
	}
	return strings.Join(words, " ")
}

func TestTFTP(t *testing.T) {
	pc, server := capturetest.PC(1), capturetest.Router()
	const client, transfer = 2070, 3456
	request := func(b string) *Packet { return datagram(pc, server, client, portTFTP, []byte(b)) }
	answer := func(from, to uint16, b string) *Packet { return datagram(server, pc, from, to, []byte(b)) }
	f := func(name string, packets []*Packet, want ...string) {
		t.Helper()
		d := New()
		var got []string
		for _, p := range packets {
			got = append(got, tftpSays(d.Inspect(p)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: said %q, want %q", name, got, want)
		}
	}
	const rrq, data = "\x00\x01boot/ipxe.efi\x00octet\x00", "\x00\x03\x00\x01..."
	one := func(p *Packet) []*Packet { return []*Packet{p} }
	f("read", one(request(rrq)), "boots boot/ipxe.efi")
	f("read with options", one(request("\x00\x01a\x00OCTET\x00tsize\x000\x00")), "boots a")
	f("read, name in another code", one(request("\x00\x01\xff\n\x00netascii\x00")), "boots \ufffd\\n")
	f("write", one(request("\x00\x02a\x00octet\x00")), "a")
	f("no name", one(request("\x00\x01\x00octet\x00")), "")
	f("no such mode", one(request("\x00\x01a\x00octets\x00")), "")
	f("no NUL", one(request("\x00\x01abc")), "")
	f("name behind the end", one(request("\x00\x01")), "")

	f("answer", []*Packet{request(rrq), answer(transfer, client, data), answer(transfer, client, data)},
		"boots boot/ipxe.efi", "serves:69", "")
	f("answer from port 69", []*Packet{request(rrq), answer(portTFTP, client, data)}, "boots boot/ipxe.efi", "serves:69")
	f("options acknowledged", []*Packet{request(rrq), answer(transfer, client, "\x00\x06tsize\x009\x00")},
		"boots boot/ipxe.efi", "serves:69")
	f("answer to another port", []*Packet{request(rrq), answer(transfer, client+1, data)}, "boots boot/ipxe.efi", "")
	f("something else", []*Packet{request(rrq), answer(transfer, client, "\x00\x07\x00\x00")}, "boots boot/ipxe.efi", "")
	f("unasked", one(answer(transfer, client, data)), "")
	late := answer(transfer, client, data)
	late.Time += tftpPatience
	f("late", []*Packet{request(rrq), late}, "boots boot/ipxe.efi", "")
}

// TestTFTPIsBounded checks that requests nobody answers make room, and that a client's repeated ones take one slot.
func TestTFTPIsBounded(t *testing.T) {
	pc, server := capturetest.PC(1), capturetest.Router()
	d := New()
	ask := func(port uint16) { d.Inspect(datagram(pc, server, port, portTFTP, []byte("\x00\x01a\x00octet\x00"))) }
	serves := func(port uint16) bool {
		return tftpSays(d.Inspect(datagram(server, pc, 3456, port, []byte("\x00\x03\x00\x01")))) != ""
	}
	ask(1000)
	for range 100 {
		ask(1001)
	}
	if !serves(1000) || !serves(1001) {
		t.Error("a request was forgotten for one that was repeated")
	}
	for port := range uint16(len(d.tftp.slot) + 1) {
		ask(2000 + port)
	}
	if serves(2000) || !serves(2001) {
		t.Error("want the oldest request forgotten, and only that")
	}
}

// TestTFTPOfSharedCaptures: a PC that boots, and two smart plugs that ask for a script again and again, as many times as
// tshark counts (tftp.opcode 1). Nobody's answer was recorded.
func TestTFTPOfSharedCaptures(t *testing.T) {
	f := func(file string, want map[string]int) {
		t.Helper()
		d, got := New(), map[string]int{}
		eachUDP(t, d, file, func(p *Packet) {
			for _, o := range d.Inspect(p) {
				if o.Origin == capture.OriginTFTP {
					got[o.Addr.String()+" "+tftpSays([]capture.Observation{o})]++
				}
			}
		})
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: said %v, want %v", file, got, want)
		}
	}
	f("pxe-pcap_nsec--netboot.pcap", map[string]int{"192.168.16.12 boots": 2, "192.168.16.12 boot": 2})
	f("lan-iot_lan_day_2016_09_07--derived.pcap", map[string]int{
		"10.10.10.186 boots": 10, "10.10.10.186 /update.sh": 10, "10.10.10.207 boots": 11, "10.10.10.207 /update.sh": 11,
	})
}

func FuzzTFTP(f *testing.F) {
	f.Add([]byte("\x00\x01boot/ipxe.efi\x00octet\x00tsize\x000\x00"), []byte("\x00\x06tsize\x009\x00"))
	f.Add([]byte("\x00\x02a\x00mail\x00"), []byte("\x00\x04\x00\x00"))
	pc, server := capturetest.PC(1), capturetest.Router()
	d := New()
	f.Fuzz(func(t *testing.T, ask, answer []byte) {
		d.tftp = tftpRequests{}
		said := slices.Clone(d.Inspect(datagram(pc, server, 2070, portTFTP, ask)))
		for _, o := range said {
			holdStrings(t, &o)
			if o.Kind == capture.KindQuery && (o.Name == "" || o.Peer != server.Addr) {
				t.Errorf("asks %v for %q", o.Peer, o.Name)
			}
		}
		// Only who was asked can answer, and only once.
		for i := range 2 {
			serves := len(d.Inspect(datagram(server, pc, 3456, 2070, answer))) > 0
			if serves && (len(said) == 0 || i > 0) {
				t.Errorf("answer %d to % x is % x", i, ask, answer)
			}
		}
	})
}
