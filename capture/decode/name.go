package decode

import (
	"net/netip"
	"strings"

	"cafeprobe/capture"
)

// ownName emits a KindName: the sender of the packet calls itself name and has addr. Names that every system bears are
// no names.
func (d *Decoder) ownName(origin capture.Origin, name string, addr netip.Addr) {
	if !isHostName(name) {
		return
	}
	d.emit(capture.Observation{Kind: capture.KindName, Origin: origin, Name: name, Addr: addr})
}

// otherName emits a KindName without a station: the sender of the packet says that addr, not its own, is called name.
func (d *Decoder) otherName(origin capture.Origin, name string, addr netip.Addr) {
	n := len(d.obs)
	d.ownName(origin, name, addr)
	if len(d.obs) > n {
		d.obs[n].MAC = capture.MAC{}
	}
}

// isHostName reports whether name can tell one host from another: localhost (RFC 6761 §6.3) cannot, which is what Linux
// and Steam say when nobody has named the machine.
func isHostName(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	return first != "" && first != "<Root>" && !strings.EqualFold(first, "localhost")
}

// evidence emits what the sender did, as the protocol origin shows it.
func (d *Decoder) evidence(origin capture.Origin, e capture.Evidence) {
	d.emit(capture.Observation{Kind: capture.KindEvidence, Origin: origin, Evidence: e})
}
