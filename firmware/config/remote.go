package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cafeprobe/capture/remote"
)

// Remote says which mirrors are taken that routers and switches send to the box, over the uplink port. Nothing of it may be set
// from afar, since it says whom to believe; and its sockets are opened once, before the daemon gives up the right to.
type Remote struct {
	Senders []string `json:"senders"`       // whose mirrors are believed: addresses, or small networks as in 192.168.88.0/29
	Formats []string `json:"formats"`       // see formats; default: all, each at its usual ports
	Listen  string   `json:"listen"`        // own address that they are sent to; default: any, of the senders' version of IP
	VNI     []uint32 `json:"vni,omitempty"` // VXLAN: networks that are mirrors; default: all
}

// formats are what Remote.Formats may name. Those that come by UDP may name ports, as in "tzsp:37009", each in an entry of its own,
// and then listen at those alone; the others come by GRE.
var formats = []string{
	remote.TZSP.String(), remote.VXLAN.String(), remote.GRETAP.String(),
	remote.ERSPAN1.String(), remote.ERSPAN2.String(), remote.ERSPAN3.String(),
}

const (
	maxSenders = 16 // each datagram is held against all
	maxPorts   = 16 // each is a socket with a buffer of its own

	// A network of senders has at most so many bits for its hosts: a list that takes in whole networks is none.
	senderBits4, senderBits6 = 24, 64
)

// fill puts the defaults in.
func (r *Remote) fill() {
	if len(r.Formats) == 0 {
		r.Formats = slices.Clone(formats)
	}
	if len(r.VNI) == 0 {
		r.VNI = nil
	}
	if r.Listen != "" {
		return
	}
	r.Listen = netip.IPv4Unspecified().String()
	if len(r.Senders) > 0 && strings.Contains(r.Senders[0], ":") {
		r.Listen = netip.IPv6Unspecified().String()
	}
}

// Source returns what remote.Open takes. The error wraps ErrConfig and names the field.
func (r *Remote) Source() (allow []netip.Prefix, c remote.Config, err error) {
	c.Listen, err = netip.ParseAddr(r.Listen)
	if err != nil || c.Listen.Zone() != "" || c.Listen.Is4In6() || c.Listen.IsMulticast() {
		return nil, c, bad("capture.remote.listen", "an address of the box, or nothing for any")
	}
	if len(r.Senders) == 0 || len(r.Senders) > maxSenders {
		return nil, c, bad("capture.remote.senders", fmt.Sprintf(`1 to %d addresses of the routers that send mirrors to the box, `+
			`as in ["192.168.88.1"]: whoever may send one can make up a café`, maxSenders))
	}
	for _, text := range r.Senders {
		p, ok := sender(text)
		if !ok || p.Addr().Is4() != c.Listen.Is4() {
			return nil, c, bad("capture.remote.senders", fmt.Sprintf("%q to be an address of a router or switch, or a network of at least "+
				"/%d or, of IPv6, /%d, and of the version of IP of capture.remote.listen", text, senderBits4, senderBits6))
		}
		allow = append(allow, p)
	}
	for _, text := range r.Formats {
		if err := addFormat(&c, text); err != nil {
			return nil, c, err
		}
	}
	ports := slices.Sorted(slices.Values(append(slices.Clone(c.TZSP), c.VXLAN...)))
	if len(slices.Compact(slices.Clone(ports))) != len(ports) || len(ports) > maxPorts {
		return nil, c, bad("capture.remote.formats", fmt.Sprintf("at most %d ports, each once", maxPorts))
	}
	c.VNI = r.VNI
	return allow, c, nil
}

// sender reads an address, or a network that is not too large.
func sender(text string) (p netip.Prefix, ok bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		p = netip.PrefixFrom(a, a.BitLen())
	} else if p, err = netip.ParsePrefix(text); err != nil {
		return p, false
	}
	a, least := p.Addr(), senderBits6
	if a.Is4() {
		least = senderBits4
	}
	return p, p.Bits() >= least && !a.Is4In6() && !a.IsUnspecified() && !a.IsMulticast()
}

// addFormat adds a format, and the port that it names, to c.
func addFormat(c *remote.Config, text string) error {
	name, number, given := strings.Cut(text, ":")
	f, ok := remote.ParseFormat(name)
	port, err := strconv.ParseUint(number, 10, 16)
	if !ok || given && (err != nil || port == 0 || !f.UDP()) {
		return bad("capture.remote.formats", fmt.Sprintf("%q to be one of %s; tzsp and vxlan also with a UDP port, as in tzsp:37009",
			text, strings.Join(formats, ", ")))
	}
	if !slices.Contains(c.Formats, f) {
		c.Formats = append(c.Formats, f)
	}
	switch {
	case !given:
	case f == remote.TZSP:
		c.TZSP = append(c.TZSP, uint16(port))
	default:
		c.VXLAN = append(c.VXLAN, uint16(port))
	}
	return nil
}
