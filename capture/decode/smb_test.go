package decode

import (
	"fmt"
	"maps"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// session returns a session message that carries b.
func session(kind byte, b []byte) []byte {
	return append([]byte{kind, 0, byte(len(b) >> 8), byte(len(b))}, b...)
}

// smb1 and smb2 return headers of a request or an answer.
func smb1(flags byte) []byte {
	b := append([]byte("\xffSMB\x72"), make([]byte, 27)...)
	b[9] = flags
	return b
}

func smb2(flags byte) []byte {
	b := append([]byte("\xfeSMB\x40"), make([]byte, 59)...)
	b[16] = flags
	return b
}

func TestSMB(t *testing.T) {
	server, pc := capturetest.Router(), capturetest.PC(1)
	row := &streamRow{"smb", smbStarts, smbRead}
	f := func(name string, port uint16, b []byte, want int, wantMore bool) {
		t.Helper()
		said, more := offered(New(), tcpSegment(server, pc, port, 50000, b), row)
		if len(said) != want || more != wantMore {
			t.Errorf("%s: said %v, more %v; want %d, %v", name, said, more, want, wantMore)
		}
		for _, o := range said {
			if o.Kind != capture.KindService || o.Origin != capture.OriginSMB || o.PeerPort != port || o.Addr != server.Addr {
				t.Errorf("%s: said %v", name, o)
			}
		}
	}
	f("SMB 1 answer", 445, session(0, smb1(0x98)), 1, false)
	f("SMB 1 answer over NetBIOS", 139, session(0, smb1(0x98)), 1, false)
	f("SMB 1 request", 445, session(0, smb1(0x18)), 0, false)
	f("SMB 2 answer", 445, session(0, smb2(1)), 1, false)
	f("SMB 2 request", 445, session(0, smb2(0)), 0, false)
	f("encrypted", 445, session(0, append([]byte("\xfdSMB"), make([]byte, 48)...)), 1, false)
	f("compressed", 445, session(0, append([]byte("\xfcSMB"), make([]byte, 48)...)), 1, false)
	f("another port", 446, session(0, smb2(1)), 0, false)
	f("another protocol", 445, session(0, append([]byte("\xfbSMB"), make([]byte, 64)...)), 0, false)
	f("a length too small for its header", 445, append([]byte{0, 0, 0, 31}, smb1(0x98)...), 0, false)
	f("session granted", 139, []byte{0x82, 0, 0, 0}, 1, false)
	f("session granted, on the wrong port", 445, []byte{0x82, 0, 0, 0}, 0, false)
	f("session granted, with a length", 139, []byte{0x82, 0, 0, 1}, 0, false)
	f("session refused", 139, []byte{0x83, 0, 0, 1, 0x82}, 0, false)
	f("begun", 445, session(0, smb2(1))[:20], 0, true)
	f("one octet", 445, []byte{0}, 0, true)
	f("keep-alive, then an answer", 139, append([]byte{0x85, 0, 0, 0}, session(0, smb2(1))...), 0, false)
}

// TestSMBOfSharedCaptures compares the servers with those whose answers tshark sees (smb.flags.response,
// smb2.flags.response), but for two segments of a fuzz capture whose TCP checksums are wrong.
func TestSMBOfSharedCaptures(t *testing.T) {
	want := map[string]map[string]bool{
		"lan-cafe_composite_a--derived.pcap":             {"192.168.50.1 445": true},
		"lan-smb2_ntlmssp_negotiateflags--suri.pcap":     {"192.168.199.1 139": true, "192.168.199.133 445": true},
		"lan-wireshark_smb_on_windows10--arkime.pcap":    {"192.168.199.1 139": true, "192.168.199.133 445": true},
		"name-smb_v2_only_non_zero_reserved1--zeek.pcap": {"172.31.112.16 445": true},
	}
	for _, name := range sharedFiles(t) {
		d, got := New(), map[string]bool{}
		var p Packet
		eachFrame(t, name, func(_ int, f *capture.Frame) {
			if d.Decode(f, &p) == Malformed || p.Proto != ProtoTCP {
				return
			}
			for _, o := range d.Inspect(&p) {
				if o.Kind != capture.KindService || o.Origin != capture.OriginSMB {
					continue
				}
				got[fmt.Sprint(o.Addr, " ", o.PeerPort)] = true
			}
		})
		if !maps.Equal(got, want[name]) {
			t.Errorf("%s: serve %v, want %v", name, got, want[name])
		}
	}
}

func FuzzSMB(f *testing.F) {
	f.Add(session(0, smb1(0x98)), uint16(445))
	f.Add(session(0, smb2(1)), uint16(445))
	f.Add([]byte{0x82, 0, 0, 0}, uint16(139))
	server, pc := capturetest.Router(), capturetest.PC(1)
	d := New()
	f.Fuzz(func(t *testing.T, b []byte, port uint16) {
		fuzzStream(t, d, tcpSegment(server, pc, port, 50000, b), "smb", smb2Flags+1)
	})
}
