// Package capture holds what every stage between the wire and the café's state has in common: the Frame a source
// hands out and the Observation that decoding makes of it. It is pure: no input, no output, no clock, no goroutine.
//
// A reader follows the walk frame → observation → station → session → record → spool → MQTT from here on.
package capture

import (
	"errors"
	"strconv"
	"time"
)

// Frame is one captured frame.
type Frame struct {
	Time int64    // when it was received, nanoseconds since the Unix epoch, UTC
	Data []byte   // the captured octets; borrowed from the source until its next Next
	Len  int      // octets on the wire; more than len(Data) where the capture was cut short
	Link LinkType // what Data starts with
	VLAN uint16   // VLAN id that the kernel took out of the frame, 0 for none; tags inside Data are the decoder's
}

// When returns f.Time as a time.Time in UTC.
func (f *Frame) When() time.Time { return time.Unix(0, f.Time).UTC() }

// Source hands out frames in the order they were captured. Next fills f and returns nil, or io.EOF when there are no
// more, or ErrQuiet, or an error that ends the source. f.Data is valid until the next call.
type Source interface {
	Next(f *Frame) error
}

// Batcher is a Source that hands out many frames with one call, which is worth a tenth of what reading and decoding them
// costs. Batch fills the first n of fs, at least one, and returns a nil error, or none and an error as Next would return;
// with ErrQuiet it sets fs[0].Time. Data of all of them is valid until the next call of either.
type Batcher interface {
	Source
	Batch(fs []Frame) (n int, err error)
}

// ErrQuiet is returned by Next of a Source that listens when nothing came for a while; f.Time is then the time. It is no end:
// the next call waits again.
var ErrQuiet = errors.New("no frame yet")

// Stats counts what a source has seen since it was opened.
type Stats struct {
	Frames  uint64 // frames handed out
	Octets  uint64 // octets of those on the wire
	Dropped uint64 // frames known to be lost before they reached the source
	Damaged uint64 // records or blocks of a file that could not be read and were passed over
}

// LinkType is a link-layer header type, by the numbers of https://www.tcpdump.org/linktypes.html.
type LinkType uint32

// The link types that capture/decode reads.
const (
	LinkNull     LinkType = 0   // BSD loopback: address family in host byte order
	LinkEthernet LinkType = 1   // IEEE 802.3
	LinkPPP      LinkType = 9   // PPP, with or without HDLC framing (RFC 1662)
	LinkPPPHDLC  LinkType = 50  // PPP in HDLC-like framing
	LinkPPPoE    LinkType = 51  // PPPoE session header first (RFC 2516)
	LinkRawBSD   LinkType = 12  // raw IP, as BSD's DLT_RAW leaks into files
	LinkRawOpen  LinkType = 14  // raw IP, as OpenBSD's DLT_RAW leaks into files
	LinkRaw      LinkType = 101 // raw IP, version from the first nibble
	LinkCHDLC    LinkType = 104 // Cisco's HDLC, or PPP in HDLC-like framing
	LinkLoop     LinkType = 108 // OpenBSD loopback: address family in network byte order
	LinkSLL      LinkType = 113 // Linux "cooked" v1
	LinkIPv4     LinkType = 228 // raw IPv4
	LinkIPv6     LinkType = 229 // raw IPv6
	LinkNFLOG    LinkType = 239 // IP packets as Linux's netfilter logs them
	LinkSLL2     LinkType = 276 // Linux "cooked" v2
)

var linkNames = []struct {
	link LinkType
	name string
}{
	{LinkNull, "null"},
	{LinkEthernet, "ethernet"},
	{LinkPPP, "ppp"},
	{LinkPPPHDLC, "ppp-hdlc"},
	{LinkPPPoE, "pppoe"},
	{LinkRawBSD, "raw"},
	{LinkRawOpen, "raw"},
	{LinkRaw, "raw"},
	{LinkCHDLC, "chdlc"},
	{LinkLoop, "loop"},
	{LinkSLL, "sll"},
	{LinkIPv4, "ipv4"},
	{LinkIPv6, "ipv6"},
	{LinkNFLOG, "nflog"},
	{LinkSLL2, "sll2"},
}

// Known reports whether l is one of the link types above.
func (l LinkType) Known() bool {
	for i := range linkNames {
		if linkNames[i].link == l {
			return true
		}
	}
	return false
}

// String returns the name that inspect prints, or "linktype-N" for one that is not read.
func (l LinkType) String() string {
	for i := range linkNames {
		if linkNames[i].link == l {
			return linkNames[i].name
		}
	}
	return "linktype-" + strconv.FormatUint(uint64(l), 10)
}
