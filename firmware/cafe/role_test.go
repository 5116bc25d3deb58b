package cafe

import (
	"testing"

	"cafeprobe/capture"
)

func TestRole(t *testing.T) {
	brother := capture.MAC{0x00, 0x80, 0x77, 0x10, 0x00, 0x30}
	dhcp := func(m capture.MAC, host, class string) capture.Observation {
		return capture.Observation{
			Kind: capture.KindDHCP, MAC: m,
			DHCP: &capture.DHCP{Message: "REQUEST", Client: m, Hostname: host, VendorClass: class},
		}
	}
	name := func(m capture.MAC, origin capture.Origin, n string) capture.Observation {
		return capture.Observation{Kind: capture.KindName, MAC: m, Origin: origin, Name: n}
	}
	wake := func(m, target capture.MAC) capture.Observation {
		return capture.Observation{Kind: capture.KindWake, MAC: m, Target: target}
	}
	serve := capture.Observation{Kind: capture.KindService, MAC: pc1, Origin: capture.OriginTFTP}

	f := func(what string, m capture.MAC, want Role, said ...capture.Observation) {
		t.Helper()
		r := newRoom(Config{})
		for _, o := range said {
			r.see(0, o)
		}
		r.Finish()
		if got := r.stations[m].Role; got != want {
			t.Errorf("%s: role %v, want %v", what, got, want)
		}
	}
	f("Windows", pc1, RolePC, dhcp(pc1, "MAY-01", "MSFT 5.0"))
	f("Windows that wakes another", pc1, RoleCashier, dhcp(pc1, "THUNGAN", "MSFT 5.0"), wake(pc1, pc2))
	f("Windows that wakes itself", pc1, RolePC, dhcp(pc1, "MAY-01", "MSFT 5.0"), wake(pc1, pc1))
	f("boot server that wakes its PCs", pc1, RoleServer, name(pc1, capture.OriginNBNS, "MAYCHU"), serve, wake(pc1, pc2))
	f("nobody knows what, that wakes another", pc1, RoleUnknown, wake(pc1, pc2))
	f("Brother by DHCP", brother, RolePrinter, dhcp(brother, "BRW008077100030", ""))
	f("Brother by mDNS", brother, RolePrinter, name(brother, capture.OriginMDNS, "brn008077100030.local"))
	f("the digits of another's address", pc1, RolePC, dhcp(pc1, "BRW008077100030", "MSFT 5.0"))
}
