package decode

import (
	"bytes"
	"net/netip"

	"cafeprobe/capture"
)

// SSDP (UPnP Device Architecture 2.0 §1): HTTP messages on UDP port 1900, in which devices announce themselves and
// programs look for devices.

// headersMax bounds how many lines of one message are read. Real messages have about ten.
const headersMax = 64

// ssdp emits, for a search, a KindQuery for its target and a KindAgent where it names its program; for an announcement
// or an answer a KindService with the SERVER's text, and PeerPort of the LOCATION where that is on the sender itself.
func ssdp(d *Decoder, p *Packet) bool {
	first, rest := cutLine(p.Payload)
	switch {
	case bytes.HasPrefix(first, []byte("M-SEARCH ")):
		ssdpSearch(d, p, rest)
	case bytes.HasPrefix(first, []byte("NOTIFY ")), bytes.HasPrefix(first, []byte("HTTP/1.1 200")):
		ssdpAnnounce(d, p, rest)
	default:
		return false
	}
	return true
}

func ssdpSearch(d *Decoder, p *Packet, b []byte) {
	for h := (headers{b: b}); h.next(); {
		switch {
		case len(h.value) == 0:
		case h.is("ST"):
			d.query(p, capture.OriginSSDP, text(h.value))
		case h.is("USER-AGENT"):
			d.emit(capture.Observation{Kind: capture.KindAgent, Origin: capture.OriginSSDP, Name: text(h.value)})
		}
	}
}

func ssdpAnnounce(d *Decoder, p *Packet, b []byte) {
	o := capture.Observation{Kind: capture.KindService, Origin: capture.OriginSSDP}
	for h := (headers{b: b}); h.next(); {
		switch {
		case h.is("SERVER"):
			o.Name = text(h.value)
		case h.is("LOCATION"):
			o.PeerPort = ownPort(p, h.value)
		case h.is("NTS") && string(h.value) == "ssdp:byebye":
			// Weak: many devices take leave of their earlier selves when they start.
			d.evidence(capture.OriginSSDP, capture.EvidenceGoodbye)
			return
		}
	}
	d.emit(o)
}

// ownPort returns the port of url, "http://address:port/path", when its host is the sender of p; else 0.
func ownPort(p *Packet, url []byte) uint16 {
	scheme, rest, ok := bytes.Cut(url, []byte("://"))
	if !ok {
		return 0
	}
	host, _, _ := bytes.Cut(rest, []byte("/"))
	const longest = len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%25interface]:65535")
	if len(host) > longest {
		return 0
	}
	if ap, err := netip.ParseAddrPort(string(host)); err == nil {
		if ap.Addr().WithZone("") != p.SrcAddr {
			return 0
		}
		return ap.Port()
	}
	addr, err := netip.ParseAddr(string(bytes.Trim(host, "[]")))
	if err != nil || addr.WithZone("") != p.SrcAddr {
		return 0
	}
	if string(scheme) == "https" {
		return 443
	}
	return 80
}

// headers walks the header lines of an HTTP message without allocating.
type headers struct {
	b     []byte // what is left
	lines int
	name  []byte
	value []byte // without blanks around it
}

// next reads the next header. It returns false at the empty line, at the end, and after headersMax lines.
func (h *headers) next() bool {
	for len(h.b) > 0 && h.lines < headersMax {
		var line []byte
		line, h.b = cutLine(h.b)
		if len(line) == 0 {
			return false
		}
		h.lines++
		if name, value, ok := bytes.Cut(line, []byte(":")); ok {
			h.name, h.value = name, bytes.TrimSpace(value)
			return true
		}
	}
	return false
}

// is reports whether the header is called name, in either case.
func (h *headers) is(name string) bool {
	return len(h.name) == len(name) && bytes.EqualFold(h.name, []byte(name))
}

// cutLine returns the first line of b, without its CR LF or LF, and what follows.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	return bytes.TrimSuffix(b[:i], []byte("\r")), b[i+1:]
}
