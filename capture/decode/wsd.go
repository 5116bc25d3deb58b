package decode

import (
	"bytes"

	"cafeprobe/capture"
)

// WS-Discovery (2005/04, and OASIS 1.1 of 2009) on UDP port 3702: SOAP messages in which Windows, printers and cameras
// announce themselves and look for each other. Windows 8 and later say "wsdp:Device pub:Computer" of themselves.

// wsdTagsMax bounds how many tags of one message are looked at. Real messages have about 40.
const wsdTagsMax = 512

// wsd emits, for a Probe, a KindQuery for its Types; for Hello, ProbeMatches and ResolveMatches a KindService with the
// Types, and PeerPort of the first XAddrs on the sender itself; for Bye that the sender took leave.
func wsd(d *Decoder, p *Packet) bool {
	b := bytes.TrimLeft(p.Payload, "\xef\xbb\xbf \t\r\n")
	if len(b) == 0 || b[0] != '<' {
		return false
	}
	m := readWSD(b)
	types := bytes.TrimSpace(m.types)
	switch string(m.action) {
	case "Hello", "ProbeMatches", "ResolveMatches":
		o := capture.Observation{Kind: capture.KindService, Origin: capture.OriginWSD, Name: text(types)}
		for xaddr := range bytes.FieldsSeq(m.xaddrs) {
			if o.PeerPort = ownPort(p, xaddr); o.PeerPort != 0 {
				break
			}
		}
		d.emit(o)
	case "Probe":
		if len(types) > 0 {
			d.query(p, capture.OriginWSD, text(types))
		}
	case "Bye":
		d.evidence(capture.OriginWSD, capture.EvidenceGoodbye)
	case "Resolve":
	default:
		return false
	}
	return true
}

// wsdMessage is what matters of one message. It borrows the payload.
type wsdMessage struct {
	action []byte // the last part of the Action: Hello, Probe …
	types  []byte // of the first Types
	xaddrs []byte // of the first XAddrs
}

// readWSD scans b for the elements that matter, by their local names. It is no XML parser: it looks at tags and at the
// text behind them, which is what these messages put there, and it neither allocates nor expands entities.
func readWSD(b []byte) (m wsdMessage) {
	for range wsdTagsMax {
		tag, content, rest, ok := nextTag(b)
		if !ok {
			break
		}
		b = rest
		switch string(tag) {
		case "Action":
			if m.action == nil {
				m.action = discoveryAction(content)
			}
		case "Types":
			if m.types == nil {
				m.types = content
			}
		case "XAddrs":
			if m.xaddrs == nil {
				m.xaddrs = content
			}
		}
	}
	return m
}

// nextTag returns the local name of the next start tag of b, the text behind it up to the next tag, and that and what
// follows. Comments, CDATA sections and processing instructions are passed over.
func nextTag(b []byte) (name, content, rest []byte, ok bool) {
	for {
		i := bytes.IndexByte(b, '<')
		if i < 0 || i+1 == len(b) {
			return nil, nil, nil, false
		}
		b = b[i+1:]
		end := ""
		switch {
		case bytes.HasPrefix(b, []byte("!--")):
			end = "-->"
		case bytes.HasPrefix(b, []byte("![CDATA[")):
			end = "]]>"
		case b[0] == '?':
			end = "?>"
		case b[0] == '!', b[0] == '/':
			end = ">"
		}
		if end != "" {
			if _, b, ok = bytes.Cut(b, []byte(end)); !ok {
				return nil, nil, nil, false
			}
			continue
		}
		n := tagLen(b)
		if n < 0 {
			return nil, nil, nil, false
		}
		return localName(b[:n]), textBefore(b[n+1:]), b[n+1:], true
	}
}

// tagLen returns where the tag that b starts with ends: at a > that is not inside the quotes of an attribute.
func tagLen(b []byte) int {
	quote := byte(0)
	for i, c := range b {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i
		}
	}
	return -1
}

// localName returns the name in tag, without prefix and attributes.
func localName(tag []byte) []byte {
	if i := bytes.IndexAny(tag, " \t\r\n/"); i >= 0 {
		tag = tag[:i]
	}
	if i := bytes.IndexByte(tag, ':'); i > 0 { // an empty prefix is none (Namespaces in XML §4)
		tag = tag[i+1:]
	}
	return tag
}

// textBefore returns b up to the next tag.
func textBefore(b []byte) []byte {
	if i := bytes.IndexByte(b, '<'); i >= 0 {
		return b[:i]
	}
	return b
}

// discoveryAction returns the last part of an action of WS-Discovery, http://schemas.xmlsoap.org/ws/2005/04/discovery/
// or http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01/, and nil for any other.
func discoveryAction(url []byte) []byte {
	url = bytes.TrimSpace(url)
	for _, space := range []string{
		"http://schemas.xmlsoap.org/ws/2005/04/discovery/",
		"http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01/",
	} {
		if len(url) > len(space) && string(url[:len(space)]) == space {
			return url[len(space):]
		}
	}
	return nil
}
