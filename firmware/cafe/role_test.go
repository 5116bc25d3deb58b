package cafe

import (
	"net/netip"
	"testing"
	"time"

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
		for _, o := range said { // again, in a second minute
			r.frames(o.MAC, 0, time.Minute, time.Minute)
			r.see(time.Minute, o)
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
	syn := func(m capture.MAC, system string) capture.Observation {
		return capture.Observation{Kind: capture.KindSystem, MAC: m, Name: system}
	}
	boots := func(m capture.MAC) capture.Observation {
		return dhcp(m, "", "PXEClient:Arch:00007:UNDI:003016")
	}
	f("Windows by its SYNs alone", pc1, RolePC, syn(pc1, "Windows"))
	f("a question in NetBIOS alone", pc1, RolePC, capture.Observation{
		Kind: capture.KindQuery, Origin: capture.OriginNBNS, MAC: pc1, Name: "WPAD",
	})
	f("Android by its SYNs alone", pc1, RolePhone, syn(pc1, "Android"))
	f("an iPhone with a name that somebody chose", pc1, RolePhone, syn(pc1, "Apple"), dhcp(pc1, "Lan", ""))
	f("Windows that calls itself a phone", pc1, RolePC, dhcp(pc1, "android-7", "MSFT 5.0"))
	f("a phone by its name", pc1, RolePhone, dhcp(pc1, "Galaxy-A15", ""))
	f("Linux on a card that nobody knows", pc1, RoleUnknown, syn(pc1, "Linux"))
	f("the counter's by its name", pc1, RoleCashier, dhcp(pc1, "THUNGAN", "MSFT 5.0"))
	f("two of that name: a copied image", pc1, RolePC, dhcp(pc1, "THUNGAN", "MSFT 5.0"), dhcp(pc2, "THUNGAN", "MSFT 5.0"))
	f("a phone of that name", phone, RolePhone, dhcp(phone, "THUNGAN", "android-dhcp-14"))
	f("the counter's that boots from the server", pc1, RoleCashier, boots(pc1), wake(pc1, pc2))
	f("a guest's Windows laptop with an address of its own making", phone, RolePhone, dhcp(phone, "DESKTOP-7QK2M1L", "MSFT 5.0"))
	f("such a laptop that wakes another", phone, RolePhone, dhcp(phone, "DESKTOP-7QK2M1L", "MSFT 5.0"), wake(phone, pc2))
	f("such an address that boots from the net", phone, RolePC, boots(phone), dhcp(phone, "MAY-01", "MSFT 5.0"))
	f("the digits of another's address", pc1, RolePC, dhcp(pc1, "BRW008077100030", "MSFT 5.0"))
}

// TestLocalAddresses: a server of disks may give out addresses of its own; those are no guests'. Random ones are.
func TestLocalAddresses(t *testing.T) {
	f := func(name string, want Role, reported bool, do func(r *room, m capture.MAC), list ...capture.MAC) {
		t.Helper()
		r := newRoom(Config{})
		for _, m := range list {
			r.frames(m, 0, 2*time.Minute, 20*time.Second)
			do(r, m)
		}
		r.Finish()
		for _, m := range list {
			if s := r.stations[m]; s.Role != want || s.Reported() != reported {
				t.Errorf("%s: %v is %v, reported %v; want %v, %v", name, m, s.Role, s.Reported(), want, reported)
			}
		}
	}
	windows := func(r *room, m capture.MAC) {
		d := &capture.DHCP{Message: "REQUEST", Client: m, VendorClass: "MSFT 5.0"}
		r.see(2*time.Minute, capture.Observation{Kind: capture.KindDHCP, MAC: m, DHCP: d})
	}
	disk := func(r *room, m capture.MAC) {
		windows(r, m)
		r.see(2*time.Minute, capture.Observation{
			Kind: capture.KindFlow, Proto: protoTCP, MAC: m, Target: gate, Addr: netip.MustParseAddr("192.168.1.21"),
			Peer: netip.MustParseAddr("192.168.1.2"), PeerPort: portISCSI, Up: capture.Count{Frames: 9}, Down: capture.Count{Frames: 9},
		})
	}
	silent := func(*room, capture.MAC) {}
	row := []capture.MAC{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 1, 3}}
	random := []capture.MAC{{0xda, 0xa1, 0x19, 0x33, 0, 1}, {0x7e, 0x10, 0x44, 0x91, 0, 1}, {0x02, 0x88, 0x17, 0x5a, 0, 1}}
	f("a row, running Windows", RolePC, true, windows, row...)
	f("two are no row", RolePhone, false, windows, row[:2]...)
	f("a row of which nothing is known", RolePhone, false, silent, row...)
	f("random ones, running Windows", RolePhone, false, windows, random...)
	f("a disk on a server", RolePC, true, disk, random[0])
}

// TestBootServer: who is asked for first by boot loaders is their server, also where nothing else shows it.
func TestBootServer(t *testing.T) {
	server := netip.MustParseAddr("192.168.1.2")
	f := func(name string, want Role, clients int, after time.Duration, other bool) {
		t.Helper()
		r := newRoom(Config{})
		r.frames(pc2, 0, 2*time.Minute, 20*time.Second)
		r.uses(0, pc2, capture.OriginARP, server.String())
		r.see(0, capture.Observation{Kind: capture.KindName, Origin: capture.OriginNBNS, MAC: pc2, Name: "WIN-1"})
		ask := func(at time.Duration, m capture.MAC, addr netip.Addr) {
			r.see(at, capture.Observation{
				Kind: capture.KindEvidence, Origin: capture.OriginARP, Evidence: capture.EvidenceARPRequest, MAC: m, Peer: addr, Group: true,
			})
		}
		for i := range clients {
			at := time.Duration(i) * time.Second
			r.frames(pc(i), at, at, time.Second)
			r.see(at, capture.Observation{
				Kind: capture.KindEvidence, Origin: capture.OriginPXE, Evidence: capture.EvidencePXEBoot, MAC: pc(i),
			})
			if other {
				ask(at+after, pc(i), netip.MustParseAddr("192.168.1.3"))
			}
			ask(at+after, pc(i), server)
		}
		r.Finish()
		if got := r.stations[pc2].Role; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("three boot loaders", RoleServer, 3, time.Second, false)
	f("two", RolePC, 2, time.Second, false)
	f("three that ask for another first", RolePC, 3, time.Second, true)
	f("three systems, long after", RolePC, 3, time.Minute, false)
}
