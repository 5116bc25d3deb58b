package decode

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
)

// handshakeKinds are the kinds of truth.tsv that the decoders of streams and QUIC answer for, and the recall that each
// must reach over the files where names may be asserted. In two of these, truth.tsv has the address outside the tunnel
// where it promises the innermost one (ERSPAN, 6in4): 3 of 104 hosts and 2 of 49 agents, which are missed and extra here.
var handshakeKinds = []struct {
	kind   string
	recall float64
}{
	{"sni", 0.99}, {"quic_sni", 0.99}, {"dtls_sni", 0.99}, {"http_host", 0.97}, {"user_agent", 0.95},
}

// TestHandshakesOfSharedCaptures compares who asked for which server with what tshark and others saw.
func TestHandshakesOfSharedCaptures(t *testing.T) {
	type fact struct{ file, kind, client, name string }
	strict := map[string]bool{}
	want := map[fact]string{}
	truth := capturetest.Truth(t)
	for _, f := range truth {
		if f.Kind == "assert" && f.Key == "sni" && f.Value == "strict" {
			strict[f.File] = true
		}
	}
	kinds := map[string]bool{}
	for _, k := range handshakeKinds {
		kinds[k.kind] = true
	}
	for _, f := range truth {
		if kinds[f.Kind] && strict[f.File] {
			want[fact{f.File, f.Kind, f.Key, f.Value}] = f.Origin[strings.LastIndex(f.Origin, "n=")+2:]
		}
	}
	got := map[fact]int{}
	for file := range strict {
		for _, o := range inspectFile(t, file) {
			kind := o.Origin.String()
			switch {
			case o.Kind == capture.KindAgent && o.Origin == capture.OriginHTTP:
				kind = "user_agent"
			case o.Kind != capture.KindQuery || !kinds[kind]:
				continue
			}
			if o.Proto == ProtoUDP && o.Origin == capture.OriginHTTP {
				continue // SSDP
			}
			got[fact{file, kind, o.Addr.String(), o.Name}]++
		}
	}
	found, expected, extra := map[string]int{}, map[string]int{}, map[string]int{}
	var lines []string
	for f, n := range want {
		expected[f.kind]++
		switch {
		case got[f] == 0:
			lines = append(lines, fmt.Sprintf("missed %v n=%s", f, n))
		default:
			found[f.kind]++
			if fmt.Sprint(got[f]) != n {
				t.Logf("count of %v: %d, truth %s", f, got[f], n)
			}
		}
	}
	for f := range got {
		if _, ok := want[f]; !ok {
			extra[f.kind]++
			lines = append(lines, fmt.Sprintf("extra  %v n=%d", f, got[f]))
		}
	}
	sort.Strings(lines)
	for _, l := range lines {
		t.Log(l)
	}
	for _, k := range handshakeKinds {
		t.Logf("%-10s expected %d found %d extra %d", k.kind, expected[k.kind], found[k.kind], extra[k.kind])
		if e := expected[k.kind]; e > 0 && float64(found[k.kind]) < k.recall*float64(e) {
			t.Errorf("%s: recall %d/%d, want at least %v", k.kind, found[k.kind], e, k.recall)
		}
	}
}

// inspectFile returns what all frames of a shared capture say.
func inspectFile(t testing.TB, name string) (all []capture.Observation) {
	t.Helper()
	d := New()
	var p Packet
	eachFrame(t, name, func(_ int, f *capture.Frame) {
		d.Decode(f, &p)
		all = append(all, d.Inspect(&p)...)
	})
	return all
}
