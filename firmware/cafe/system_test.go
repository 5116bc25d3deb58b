package cafe

import (
	"testing"
	"time"

	"cafeprobe/capture"
)

// TestOS: what DHCP says weighs more than how TCP looks, and the release of a browser announcement counts where it can be.
func TestOS(t *testing.T) {
	lease := func(class, params string) capture.Observation {
		return capture.Observation{
			Kind: capture.KindDHCP, MAC: pc1,
			DHCP: &capture.DHCP{Message: "REQUEST", Client: pc1, VendorClass: class, Params: params},
		}
	}
	syn := func(name string) capture.Observation {
		return capture.Observation{Kind: capture.KindSystem, MAC: pc1, Name: name}
	}
	announce := func(version string) capture.Observation {
		return capture.Observation{Kind: capture.KindAgent, Origin: capture.OriginBrowser, MAC: pc1, Name: version}
	}
	f := func(name, want string, said ...capture.Observation) {
		t.Helper()
		r := newRoom(Config{})
		r.frames(pc1, 0, 0, time.Second)
		for _, o := range said {
			r.see(0, o)
		}
		if got := r.stations[pc1].OS(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	f("nothing", "")
	f("vendor class", "Windows", lease("MSFT 5.0", ""))
	f("vendor class with a version", "Android 14", lease("android-dhcp-14", ""))
	f("parameters alone", "Apple", lease("", "\x01\x79\x03\x06\x0f\x77\xfc"))
	f("a boot loader, then Windows", "Windows", lease("PXEClient:Arch:00007", "\x01\x02\x03"), lease("MSFT 5.0", ""))
	f("SYNs", "Linux", syn("Linux"))
	f("SYNs of two, one of them seldom", "Windows", syn("Windows"), syn("Linux"), syn("Windows"))
	f("SYNs of two, as often", "", syn("Windows"), syn("Linux"))
	f("SYNs against DHCP", "Windows", lease("MSFT 5.0", ""), syn("Linux"), syn("Linux"))
	f("a release", "Windows 7", lease("MSFT 5.0", ""), announce("Windows NT 6.1"))
	f("a release that is not known", "Windows NT 9.9", announce("Windows NT 9.9"))
	f("Samba", "Linux", syn("Linux"), announce("Samba as Windows NT 6.1"))
	f("a release against SYNs", "Linux", syn("Linux"), announce("Windows NT 6.1"))
	f("a word that is none", "", syn("Plan 9"))
}

// TestTally: minutes of one system outweigh those of another however long it has been, and old ones count less and less.
func TestTally(t *testing.T) {
	var c tally
	for range 1 << 20 {
		c.add(systemLinux)
	}
	for range 1 << 15 {
		c.add(systemWindows)
	}
	if got := c.most(); got != systemWindows {
		t.Errorf("%v after three weeks of Windows, want Windows", got)
	}
}
