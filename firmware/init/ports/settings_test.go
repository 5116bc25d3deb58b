package ports

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

func TestParseSettings(t *testing.T) {
	f := func(text string, ok bool) {
		t.Helper()
		s, err := ParseSettings([]byte(text))
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrSettings) {
			t.Errorf("%s: %+v, %v; want ok %v", text, s, err, ok)
		}
	}
	f(`{}`, true)
	f(`{"vlan":12}`, true)
	f(`{"address":"192.168.1.10/24","gateway":"192.168.1.1","dns":["192.168.1.1","8.8.8.8"],"vlan":7}`, true)
	f(`{"address":"192.168.1.10/24"}`, true)
	f(`{"address":"192.168.1.10"}`, false)
	f(`{"address":"192.168.1.0/24","gateway":"192.168.1.1"}`, false)
	f(`{"address":"192.168.1.10/24","gateway":"192.168.2.1"}`, false)
	f(`{"address":"192.168.1.10/24","gateway":"192.168.1.10"}`, false)
	f(`{"address":"2001:db8::2/64"}`, false)
	f(`{"gateway":"192.168.1.1"}`, false)
	f(`{"dns":["192.168.1.1"]}`, false)
	f(`{"address":"192.168.1.10/24","dns":["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]}`, false)
	f(`{"address":"192.168.1.10/24","dns":["0.0.0.0"]}`, false)
	f(`{"vlan":4095}`, false)
	f(`{"adress":"192.168.1.10/24"}`, false)
	f(`{} {}`, false)
	f(``, false)
}

func FuzzParseSettings(f *testing.F) {
	f.Add([]byte(`{"address":"192.168.1.10/24","gateway":"192.168.1.1","dns":["192.168.1.1"],"vlan":7}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSettings(b)
		if err != nil {
			if !errors.Is(err, ErrSettings) {
				t.Error(err)
			}
			return
		}
		sound(t, s)
	})
}

// sound checks what every address that is used has to be.
func sound(t *testing.T, s Settings) {
	t.Helper()
	if a := s.Address; a.IsValid() && (!a.Addr().Is4() || a.Bits() < 8 || s.Gateway.IsValid() && !a.Contains(s.Gateway)) || len(s.DNS) > maxServers {
		t.Errorf("settings %+v", s)
	}
}

// FuzzLease: no server gives the box an address that is none, or that has no place for its router.
func FuzzLease(f *testing.F) {
	p, err := dhcpv4.New(dhcpv4.WithYourIP([]byte{10, 0, 2, 15}), dhcpv4.WithNetmask([]byte{255, 255, 255, 0}),
		dhcpv4.WithRouter([]byte{10, 0, 2, 2}), dhcpv4.WithDNS([]byte{10, 0, 2, 3}), dhcpv4.WithLeaseTime(3600))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.ToBytes(), p.ToBytes())
	f.Fuzz(func(t *testing.T, offer, ack []byte) {
		o, err1 := dhcpv4.FromBytes(offer)
		a, err2 := dhcpv4.FromBytes(ack)
		if err2 != nil {
			return
		}
		if err1 != nil {
			o = nil
		}
		l, err := leaseOf(o, a)
		if err != nil {
			return
		}
		sound(t, l.Settings)
		if !l.Address.IsValid() || l.Until.IsZero() {
			t.Errorf("lease %+v", l)
		}
	})
}

// TestRenewed: what the second answer leaves out is as it was offered.
func TestRenewed(t *testing.T) {
	offer, err1 := dhcpv4.New(dhcpv4.WithNetmask([]byte{255, 255, 255, 0}), dhcpv4.WithRouter([]byte{10, 0, 2, 2}), dhcpv4.WithDNS([]byte{10, 0, 2, 3}))
	ack, err2 := dhcpv4.New(dhcpv4.WithYourIP([]byte{10, 0, 2, 15}))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	l, err := leaseOf(offer, ack)
	if err != nil || l.Address != netip.MustParsePrefix("10.0.2.15/24") || l.Gateway != netip.MustParseAddr("10.0.2.2") || len(l.DNS) != 1 {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := leaseOf(nil, ack); err == nil {
		t.Errorf("without a mask: %+v", l)
	}
}
