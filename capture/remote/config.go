package remote

import (
	"net/netip"
	"time"
)

// Format is how a mirrored frame is wrapped.
type Format uint8

// The formats.
const (
	TZSP    Format = iota // UDP port 37008
	VXLAN                 // UDP ports 4789 and 8472
	GRETAP                // GRE with a whole Ethernet frame, as of Linux' gretap
	ERSPAN1               // GRE
	ERSPAN2
	ERSPAN3
	formats
)

// String returns the format's name.
func (f Format) String() string {
	return [...]string{"tzsp", "vxlan", "gretap", "erspan1", "erspan2", "erspan3", "unknown"}[min(f, formats)]
}

// Config configures a Source. The zero Config is valid.
type Config struct {
	Formats []Format      // what to listen for; default: all
	Listen  netip.Addr    // own address that mirrors are sent to, IPv4 or IPv6; it may come later. Default: any of IPv4
	VNI     []uint32      // VXLAN: networks that are mirrors; default: all
	Buffer  int           // octets that each socket may hold unread; default 8 MiB. See Source.Buffer
	Quiet   time.Duration // Next waits so long for frames; default 250 ms, at least 1 ms
	Now     func() int64  // the scale of the frames' times, nanoseconds; default: UTC as the kernel has it

	// Refused hears of each datagram that was refused for a reason that is one of the constants below. It is called by the
	// goroutine of Next, in a flood very often, and must not block. nil: nobody wants to know.
	Refused func(reason string)
}

// RefusedSender is why a datagram was refused whose sender is not allowed.
const RefusedSender = "sender"

func (c *Config) fill() {
	if len(c.Formats) == 0 {
		for f := range formats {
			c.Formats = append(c.Formats, f)
		}
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
