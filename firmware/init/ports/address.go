package ports

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/vishvananda/netlink"
)

// Settings are the uplink's, in net.json: an address that the technician gave, or DHCP where there is none.
type Settings struct {
	Address netip.Prefix `json:"address"` // 192.168.88.10/24; with DHCP, none
	Gateway netip.Addr   `json:"gateway"` // none where all that the box talks to is in the same network
	DNS     []netip.Addr `json:"dns"`
	VLAN    int          `json:"vlan,omitempty"` // 802.1Q, 1 to 4094; 0 for none. Also with DHCP
}

const (
	maxServers  = 3    // name servers, as resolv.conf(5)
	maxSettings = 4096 // octets of net.json
)

// ErrSettings is wrapped by ParseSettings' errors.
var ErrSettings = errors.New("net.json")

// ParseSettings reads net.json.
func ParseSettings(b []byte) (s Settings, err error) {
	if len(b) > maxSettings {
		return Settings{}, fmt.Errorf("%w: more than %d octets", ErrSettings, maxSettings)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return Settings{}, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Settings{}, fmt.Errorf("%w: something follows behind its end", ErrSettings)
	}
	return s, s.valid()
}

func (s *Settings) valid() error {
	bad := func(field, want string) error { return fmt.Errorf("%w: %s: want %s", ErrSettings, field, want) }
	switch {
	case s.VLAN < 0 || s.VLAN > 4094:
		return bad("vlan", "1 to 4094, or none")
	case len(s.DNS) > maxServers:
		return bad("dns", "at most three name servers")
	case !s.Address.IsValid() && (s.Gateway.IsValid() || len(s.DNS) > 0):
		return bad("address", "one beside the gateway and the name servers, as 192.168.1.10/24")
	case !s.Address.IsValid():
		return nil
	case !s.Address.Addr().Is4() || s.Address.Bits() < 8 || s.Address.Bits() > 30 || s.Address.Addr() == s.Address.Masked().Addr():
		return bad("address", "one of a computer, as 192.168.1.10/24")
	case s.Gateway.IsValid() && (!s.Gateway.Is4() || !s.Address.Contains(s.Gateway) || s.Gateway == s.Address.Addr()):
		return bad("gateway", "another address in the same network, or none")
	}
	for _, a := range s.DNS {
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
			return bad("dns", "addresses of name servers")
		}
	}
	return nil
}

// Lease is what the uplink goes by.
type Lease struct {
	Settings
	Until time.Time // when it has to be asked for again; zero for a static one
}

// Apply gives the interface the lease's address, its route and its name servers, and nothing else.
func Apply(name string, l Lease, resolv string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("address of %s: %w", name, err)
	}
	addr := &netlink.Addr{IPNet: &net.IPNet{
		IP: l.Address.Addr().AsSlice(), Mask: net.CIDRMask(l.Address.Bits(), l.Address.Addr().BitLen()),
	}}
	old, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("address of %s: %w", name, err)
	}
	for _, o := range old {
		if !o.Equal(*addr) {
			err = errors.Join(err, netlink.AddrDel(link, &o))
		}
	}
	err = errors.Join(err, netlink.AddrReplace(link, addr))
	if l.Gateway.IsValid() {
		err = errors.Join(err, netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: l.Gateway.AsSlice()}))
	}
	if err != nil {
		return fmt.Errorf("address of %s: %w", name, err)
	}
	var b bytes.Buffer
	for _, s := range l.DNS {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	return os.WriteFile(resolv, b.Bytes(), 0o644)
}

// Clear takes the interface's addresses away, as a lease that ran out asks for.
func Clear(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("address of %s: %w", name, err)
	}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_V4)
	for _, a := range addrs {
		err = errors.Join(err, netlink.AddrDel(link, &a))
	}
	return err
}

// Bounds of a lease (RFC 2131 §4.4.5: half of it is when it is renewed). A server that gives a minute is asked each minute, no more.
const (
	minLease = 2 * time.Minute
	maxLease = 24 * time.Hour
)

// DHCP keeps the interface's address by DHCP until ctx ends. It asks again when told to by kick, as when the cable came back. changed
// is told of each lease that is new.
func DHCP(ctx context.Context, name, host, resolv string, kick <-chan struct{}, log *slog.Logger, changed func(Lease)) {
	var have *nclient4.Lease
	var until time.Time
	wait := time.Second
	for ctx.Err() == nil {
		lease, err := ask(ctx, name, host, have)
		var l Lease
		if err == nil {
			if l, err = leaseOf(lease.Offer, lease.ACK); err == nil {
				err = Apply(name, l, resolv)
			}
		}
		switch {
		case err == nil:
			if have == nil || !have.ACK.YourIPAddr.Equal(lease.ACK.YourIPAddr) {
				log.Info("address", "port", name, "address", l.Address, "gateway", l.Gateway)
			}
			have, until = lease, l.Until
			changed(l)
			wait = time.Until(l.Until) / 2
		case have != nil && time.Now().After(until):
			log.Warn("the lease ran out", "port", name)
			err := Clear(name)
			if err != nil {
				log.Warn("address not taken away", "error", err)
			}
			have, wait = nil, time.Second
		default:
			log.Warn("no address yet", "port", name, "error", err)
			wait = min(2*wait, time.Minute)
		}
		select {
		case <-ctx.Done():
		case <-kick:
			wait = time.Second
		case <-time.After(max(wait, time.Second)):
		}
	}
}

const renewTime = 5 * time.Second

func ask(ctx context.Context, name, host string, have *nclient4.Lease) (*nclient4.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := nclient4.New(name, nclient4.WithTimeout(3*time.Second), nclient4.WithRetry(3))
	if err != nil {
		return nil, fmt.Errorf("ask for an address at %s: %w", name, err)
	}
	defer c.Close()
	options := []dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptHostName(host)), dhcpv4.WithRequestedOptions(
		dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer,
	)}
	if have != nil {
		// Not for long: behind a cable that was put in again may be another network, whose server keeps silent.
		soon, cancel := context.WithTimeout(ctx, renewTime)
		l, err := c.Renew(soon, have, options...)
		cancel()
		if err == nil {
			return l, nil
		}
	}
	l, err := c.Request(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("ask for an address at %s: %w", name, err)
	}
	return l, nil
}

// leaseOf reads a server's answer, which is whatever a machine on the uplink says. What a renewal leaves out is as it was offered: some
// servers do not say it again.
func leaseOf(offer, p *dhcpv4.DHCPv4) (Lease, error) {
	ip, ok := netip.AddrFromSlice(p.YourIPAddr.To4())
	if !ok {
		return Lease{}, fmt.Errorf("%w: lease of %s", ErrSettings, p.YourIPAddr)
	}
	mask, routers, servers := p.SubnetMask(), p.Router(), p.DNS()
	if offer != nil && len(mask) == 0 {
		mask = offer.SubnetMask()
	}
	if offer != nil && len(routers) == 0 {
		routers = offer.Router()
	}
	if offer != nil && len(servers) == 0 {
		servers = offer.DNS()
	}
	bits, _ := mask.Size()
	l := Lease{Settings: Settings{Address: netip.PrefixFrom(ip, bits)}}
	if len(routers) > 0 {
		l.Gateway, _ = netip.AddrFromSlice(routers[0].To4())
	}
	for _, s := range servers[:min(maxServers, len(servers))] {
		if a, ok := netip.AddrFromSlice(s.To4()); ok {
			l.DNS = append(l.DNS, a)
		}
	}
	l.Until = time.Now().Add(min(max(p.IPAddressLeaseTime(maxLease), minLease), maxLease))
	return l, l.valid()
}
