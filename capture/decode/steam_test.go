package decode

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"cafeprobe/capture"
)

// steamMessage is a datagram with a header of type kind and body.
func steamMessage(kind byte, body string) []byte {
	head := "\x08\x01\x10" + string(rune(kind)) // client_id, msg_type
	b := binary.LittleEndian.AppendUint32([]byte(steamMagic), uint32(len(head)))
	b = binary.LittleEndian.AppendUint32(append(b, head...), uint32(len(body)))
	return append(b, body...)
}

func TestSteam(t *testing.T) {
	f := func(name string, b []byte, lines ...string) {
		t.Helper()
		want(t, name, udpFrom(27036, 27036, lanAll, b), lines...)
	}
	// version, min_version, connect_port, hostname, users (an account), then screen_locked, games_running
	const status = "\x08\x08\x10\x06\x18\x9c\xd3\x01\x22\x06MAY-01" +
		"\x4a\x0b\x09\x36\x29\x10\x06\x01\x00\x10\x01\x10\x01"
	f("discovery", steamMessage(0, "\x08\x01"), "service steam 27036 ")
	const name = "name steam MAY-01 192.168.1.21"
	f("status", steamMessage(1, status+"\x70\x00"), name, "service steam 27036 ")
	f("a game runs", steamMessage(1, status+"\x70\x01"), name, "game steam", "service steam 27036 ")
	f("locked", steamMessage(1, status+"\x68\x01"), name, "locked steam", "service steam 27036 ")
	f("offline", steamMessage(2, ""), "goodbye steam")
	f("nobody named it", steamMessage(1, "\x22\x09localhost"), "service steam 27036 ")
	f("field longer than the body", steamMessage(1, "\x22\x7fMAY-01"), "service steam 27036 ")
	f("length longer than the datagram", append([]byte(steamMagic), 0xff, 0xff, 0xff, 0xff))
	f("another protocol", []byte("\xff\xff\xff\xffTSource Engine Query\x00"))
}

// FuzzSteam: what is said of a status is in it, and nothing is said of what lacks the signature.
func FuzzSteam(f *testing.F) {
	f.Add(steamMessage(1, "\x22\x06MAY-01\x70\x01"))
	f.Add(steamMessage(2, ""))
	f.Add(steamMessage(1, "\x22\x060\b0000")) // the test looked for the escape, not for the control character
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		obs := d.Inspect(udpFrom(27036, 27036, lanAll, b))
		if len(obs) > 0 && obs[0].Origin == capture.OriginSteam && !bytes.HasPrefix(b, []byte(steamMagic)) {
			t.Error("said without the signature")
		}
		for _, o := range obs {
			checkText(t, o.Name)
			if o.Kind == capture.KindName && isPlain([]byte(o.Name)) && !strings.Contains(o.Name, `\`) &&
				!bytes.Contains(b, []byte(o.Name)) {
				t.Errorf("%q is not in the datagram", o.Name)
			}
		}
	})
}
