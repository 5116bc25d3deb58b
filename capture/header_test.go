package capture

import (
	"net/netip"
	"testing"
)

func TestAddressIsTheSameAsNetip(t *testing.T) {
	list := []string{
		"0.0.0.0", "10.0.0.1", "11.0.0.1", "172.15.0.1", "172.16.0.1", "172.31.255.255", "172.32.0.0", "192.168.1.1", "192.169.0.0",
		"169.254.3.4", "169.253.0.0", "8.8.8.8", "255.255.255.255", "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fdff::1",
		"fe00::1", "2001:db8::1", "ff02::1", "64:ff9b::1",
	}
	for i, s := range list {
		a := netip.MustParseAddr(s)
		got := AddressOf(a)
		if got.Addr() != a {
			t.Errorf("%s: back as %s", a, got.Addr())
		}
		if want := a.IsPrivate() || a.IsLinkLocalUnicast(); got.OnLink() != want {
			t.Errorf("%s: on link %t, want %t", a, got.OnLink(), want)
		}
		for _, o := range list[:i] {
			b := netip.MustParseAddr(o)
			x, y := a.As16(), b.As16()
			if want := string(x[:]) < string(y[:]); got.Less(AddressOf(b)) != want {
				t.Errorf("%s < %s: %t, want %t", a, b, !want, want)
			}
		}
	}
	if b := [4]byte{1, 2, 3, 4}; Address4(b[:]) != AddressOf(netip.AddrFrom4(b)) {
		t.Error("an IPv4 address from its octets is another one")
	}
	if AddressOf(netip.Addr{}) != (Address{}) {
		t.Error("no address is one")
	}
}
