package remote

import (
	"net/netip"
	"slices"
	"time"
)

// Format is how a mirrored frame is wrapped.
type Format uint8

// The formats.
const (
	TZSP    Format = iota // UDP
	VXLAN                 // UDP
	GRETAP                // GRE with a whole Ethernet frame, as of Linux' gretap
	ERSPAN1               // GRE
	ERSPAN2
	ERSPAN3
	formats
)

var formatNames = [...]string{"tzsp", "vxlan", "gretap", "erspan1", "erspan2", "erspan3", "unknown"}

// String returns the format's name.
func (f Format) String() string { return formatNames[min(f, formats)] }

// ParseFormat returns the format of that name; ok is false where there is none.
func ParseFormat(name string) (f Format, ok bool) {
	i := slices.Index(formatNames[:formats], name)
	return Format(max(i, 0)), i >= 0
}

// UDP reports whether f comes by UDP, to a port; the others come by GRE.
func (f Format) UDP() bool { return f == TZSP || f == VXLAN }

// Config configures a Source. The zero Config is valid.
type Config struct {
	Formats []Format      // what to listen for; default: all
	TZSP    []uint16      // UDP ports of TZSP; default 37008
	VXLAN   []uint16      // UDP ports of VXLAN; default 4789, and 8472 for Linux' own
	Listen  netip.Addr    // own address that mirrors are sent to, IPv4 or IPv6; it may come later. Default: any of IPv4
	VNI     []uint32      // VXLAN: networks that are mirrors; default: all
	Buffer  int           // octets that each socket may hold unread; default 8 MiB. See Source.Buffer
	Quiet   time.Duration // Next waits so long for frames; default 250 ms, at least 1 ms
	Now     func() int64  // the scale of the frames' times, nanoseconds; default: UTC as the kernel has it
}

// Ports of UDP: registered with IANA, but for Linux' own of VXLAN, which is still its default.
const (
	portTZSP       = 37008
	portVXLAN      = 4789
	portVXLANLinux = 8472
)

func (c *Config) fill() {
	if len(c.Formats) == 0 {
		for f := range formats {
			c.Formats = append(c.Formats, f)
		}
	}
	if len(c.TZSP) == 0 {
		c.TZSP = []uint16{portTZSP}
	}
	if len(c.VXLAN) == 0 {
		c.VXLAN = []uint16{portVXLAN, portVXLANLinux}
	}
	if !c.Listen.IsValid() {
		c.Listen = netip.IPv4Unspecified()
	}
	c.Listen = c.Listen.Unmap()
	if c.Buffer <= 0 {
		c.Buffer = 8 << 20
	}
	if c.Quiet < time.Millisecond {
		c.Quiet = 250 * time.Millisecond
	}
	if c.Now == nil {
		c.Now = realtime
	}
}
