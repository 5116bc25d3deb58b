package main

import "time"

// The evening as data: who is there, what the names resolve to, and what happens when.

// station is one computer of the café.
type station struct {
	name   string // of the namespace, and in the table below
	role   string // as inspect prints it
	mac    string // the vendor's own prefix, as real cafés have them
	addr   string // the address that the router's DHCP gives to this MAC, or a fixed one
	fixed  bool   // does not ask DHCP
	host   string // the name it says in DHCP option 12
	vendor string // DHCP option 60
	fqdn   bool   // says option 81 as well, as Windows does
	params []int  // DHCP option 55
	uuid   string // a guest: its SMBIOS UUID
}

// DHCP parameter lists (option 55) as their systems send them.
var (
	windowsParams = []int{1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252} // Windows 10
	androidParams = []int{1, 3, 6, 15, 26, 28, 51, 58, 59, 43}                     // Android 14
	printerParams = []int{1, 3, 6, 12, 15, 44}
)

const (
	routerAddr = "192.168.1.1"
	serverAddr = "192.168.1.2"
	lanPrefix6 = "2001:db8:1::" // RFC 3849; the router advertises it, stations make their addresses of it
)

var stations = []station{
	{name: "router", role: "router", mac: "4c:5e:0c:10:00:01", addr: routerAddr, fixed: true},
	{name: "maychu", role: "server", mac: "d8:cb:8a:10:00:02", addr: serverAddr, fixed: true},
	{
		name: "thungan", role: "cashier", mac: "b8:ac:6f:10:00:10", addr: "192.168.1.10",
		host: "THUNGAN", vendor: "MSFT 5.0", fqdn: true, params: windowsParams,
	},
	{
		name: "may-01", role: "pc", mac: "2c:f0:5d:10:00:21", addr: "192.168.1.21",
		host: "MAY-01", vendor: "MSFT 5.0", fqdn: true, params: windowsParams,
	},
	{
		name: "may-02", role: "pc", mac: "2c:f0:5d:10:00:22", addr: "192.168.1.22",
		host: "MAY-02", vendor: "MSFT 5.0", fqdn: true, params: windowsParams,
	},
	{
		name: "may-03", role: "pc", mac: "00:e0:4c:10:00:23", addr: "192.168.1.23",
		host: "MAY-03", vendor: "MSFT 5.0", fqdn: true, params: windowsParams,
	},
	{
		name: "may-04", role: "pc", mac: "d8:bb:c1:10:00:24", addr: "192.168.1.24",
		host: "MAY-04", vendor: "MSFT 5.0", fqdn: true, params: windowsParams,
	},
	{
		name: "may-05", role: "pc", mac: "18:c0:4d:10:00:25", addr: "192.168.1.25",
		host: "MAY-05", vendor: "MSFT 5.0", fqdn: true, params: windowsParams,
	},
	{
		name: "may-06", role: "pc", mac: "b4:2e:99:10:00:26", addr: "192.168.1.26",
		uuid: "4c4c4544-0043-4610-8052-b4c04f303126",
	},
	{
		name: "may-07", role: "pc", mac: "b4:2e:99:10:00:27", addr: "192.168.1.27",
		uuid: "4c4c4544-0043-4610-8052-b4c04f303127",
	},
	{
		name: "phone", role: "phone", mac: "a6:3c:51:9e:07:d2", addr: "192.168.1.150",
		host: "Galaxy-A15", vendor: "android-dhcp-14", params: androidParams,
	},
	{
		name: "mayin", role: "printer", mac: "00:80:77:10:00:30", addr: "192.168.1.30",
		host: "BRW008077100030", vendor: "Brother", params: printerParams,
	},
}

// name is one of the world, and its addresses.
type name struct{ name, v4, v6 string }

// names resolves the world: real services' names, the lab's own addresses (RFC 5737, RFC 3849). Nothing leaves the lab.
var names = []name{
	{"lol.garena.vn", "203.0.113.10", ""},
	{"sso.garena.com", "203.0.113.11", ""},
	{"fconline.garena.vn", "203.0.113.12", ""},
	{"auth.riotgames.com", "203.0.113.20", ""},
	{"playvalorant.com", "203.0.113.21", ""},
	{"api.steampowered.com", "203.0.113.30", ""},
	{"store.steampowered.com", "203.0.113.31", ""},
	{"www.youtube.com", "203.0.113.40", "2001:db8:2::40"},
	{"rr3---sn-8qj-i5oed.googlevideo.com", "203.0.113.41", "2001:db8:2::41"},
	{"www.google.com", "203.0.113.42", "2001:db8:2::42"},
	{"www.facebook.com", "203.0.113.50", "2001:db8:2::50"},
	{"www.tiktok.com", "203.0.113.51", ""},
	{"chat.zalo.me", "203.0.113.60", ""},
	{"zingmp3.vn", "203.0.113.61", ""},
	{"discord.com", "203.0.113.62", ""},
	{"vnexpress.net", "203.0.113.70", ""},
	{"www.msftconnecttest.com", "203.0.113.80", ""},
	{"v10.events.data.microsoft.com", "203.0.113.81", ""},
	{"download.windowsupdate.com", "203.0.113.82", ""},
	{"connectivitycheck.gstatic.com", "203.0.113.83", ""},
	{"time.windows.com", ntpAddr, ""},
	{"maychu.cafe.lan", serverAddr, ""},
}

const (
	ntpAddr      = "203.0.113.123"
	leagueAddr   = "198.51.100.10:5107" // League of Legends plays on UDP 5000–5500
	valorantAddr = "198.51.100.20:7086" // Valorant: UDP 7000–7500
	fconlineAddr = "198.51.100.30:7777"
)

// event is one thing that happens: who does what, at a time since the recording started. With every it happens again
// and again until the time until.
type event struct {
	at    time.Duration
	who   string
	do    verb
	what  string
	every time.Duration
	until time.Duration
}

// verb is what a station can do. what is the verb's argument.
type verb string

const (
	on       verb = "on"       // power on: the link comes up, ARP probes, DHCP
	leave    verb = "leave"    // orderly power off: programs end, DHCP RELEASE, link down
	cut      verb = "cut"      // power cut: the link is gone at once
	again    verb = "again"    // a guest: reset, as a room that reboots at log-off
	https    verb = "https"    // curl over TLS 1.3; what: a name
	http     verb = "http"     // curl; what: a URL without scheme
	quic     verb = "http3"    // HTTP/3; what: a name
	plays    verb = "play"     // a game's datagrams until the event's until; what: the server
	ntp      verb = "ntp"      // NTP; what: a name
	wake     verb = "wake"     // Wake-on-LAN; what: the station to be woken
	netbios  verb = "nmbd"     // Samba's nmbd from now on; what: the NetBIOS name
	bonjour  verb = "avahi"    // avahi-daemon from now on; what: the mDNS host name
	plain    verb = "plain"    // somebody takes the mirror away from the switch
	finished verb = "finished" // the recording ends
)

// m is a time of the table: minutes and seconds.
func m(minute, second int) time.Duration {
	return time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
}

// evening is in order of time.
var evening = []event{
	{at: m(0, 1), who: "router", do: on},
	{at: m(0, 1), who: "maychu", do: on},
	{at: m(0, 2), who: "maychu", do: netbios, what: "MAYCHU"},
	{at: m(0, 4), who: "thungan", do: on},
	{at: m(0, 7), who: "mayin", do: on},
	{at: m(0, 10), who: "may-01", do: on},
	{at: m(0, 14), who: "mayin", do: bonjour, what: "BRW008077100030"},
	{at: m(0, 15), who: "thungan", do: netbios, what: "THUNGAN"},
	{at: m(0, 18), who: "thungan", do: https, what: "chat.zalo.me", every: m(1, 25), until: m(12, 50)},
	{at: m(0, 20), who: "may-01", do: http, what: "www.msftconnecttest.com/connecttest.txt"},
	{at: m(0, 20), who: "may-01", do: netbios, what: "MAY-01"},
	{at: m(0, 22), who: "may-01", do: ntp, what: "time.windows.com"},
	{at: m(0, 24), who: "may-04", do: on},
	{at: m(0, 28), who: "may-06", do: on},
	{at: m(0, 30), who: "may-01", do: https, what: "sso.garena.com"},
	{at: m(0, 34), who: "may-01", do: https, what: "lol.garena.vn"},
	{at: m(0, 35), who: "may-04", do: http, what: "www.msftconnecttest.com/connecttest.txt"},
	{at: m(0, 38), who: "may-04", do: ntp, what: "time.windows.com", every: m(3, 4), until: m(12, 50)},
	{at: m(0, 40), who: "may-02", do: on},
	{at: m(0, 44), who: "may-04", do: https, what: "v10.events.data.microsoft.com", every: m(1, 10), until: m(12, 50)},
	{at: m(0, 50), who: "may-01", do: plays, what: leagueAddr, until: m(4, 10)},
	{at: m(0, 51), who: "may-02", do: http, what: "www.msftconnecttest.com/connecttest.txt"},
	{at: m(0, 52), who: "may-02", do: netbios, what: "MAY-02"},
	{at: m(0, 56), who: "may-02", do: https, what: "auth.riotgames.com"},
	{at: m(1, 0), who: "may-02", do: https, what: "playvalorant.com"},
	{at: m(1, 2), who: "may-02", do: quic, what: "playvalorant.com"},
	{at: m(1, 4), who: "may-02", do: https, what: "discord.com", every: m(1, 30), until: m(8, 30)},
	{at: m(1, 10), who: "phone", do: on},
	{at: m(1, 20), who: "phone", do: http, what: "connectivitycheck.gstatic.com/generate_204"},
	{at: m(1, 24), who: "phone", do: https, what: "chat.zalo.me"},
	{at: m(1, 30), who: "may-02", do: plays, what: valorantAddr, until: m(4, 30)},
	{at: m(1, 32), who: "phone", do: quic, what: "www.tiktok.com", every: m(0, 50), until: m(4, 0)},
	{at: m(1, 40), who: "may-03", do: on},
	{at: m(1, 50), who: "may-03", do: http, what: "www.msftconnecttest.com/connecttest.txt"},
	{at: m(1, 52), who: "may-03", do: ntp, what: "time.windows.com"},
	{at: m(1, 55), who: "may-03", do: quic, what: "www.google.com"},
	{at: m(2, 0), who: "may-03", do: quic, what: "www.youtube.com", every: m(1, 15), until: m(5, 50)},
	{at: m(2, 5), who: "may-03", do: quic, what: "rr3---sn-8qj-i5oed.googlevideo.com", every: m(0, 20), until: m(5, 50)},
	{at: m(2, 20), who: "may-03", do: https, what: "www.facebook.com", every: m(1, 10), until: m(5, 50)},
	{at: m(2, 30), who: "may-03", do: http, what: "vnexpress.net/the-thao"},
	{at: m(3, 0), who: "may-07", do: on},
	{at: m(4, 20), who: "may-01", do: https, what: "lol.garena.vn"},
	{at: m(4, 22), who: "may-01", do: quic, what: "lol.garena.vn"},
	{at: m(4, 25), who: "may-01", do: https, what: "zingmp3.vn", every: m(0, 40), until: m(6, 0)},
	{at: m(5, 0), who: "phone", do: cut}, // walks out of the door
	{at: m(5, 30), who: "may-06", do: again},
	{at: m(6, 0), who: "may-03", do: cut},
	{at: m(6, 5), who: "may-01", do: plays, what: leagueAddr, until: m(7, 40)},
	{at: m(7, 0), who: "thungan", do: wake, what: "may-05"},
	{at: m(7, 8), who: "may-05", do: on},
	{at: m(7, 18), who: "may-05", do: http, what: "www.msftconnecttest.com/connecttest.txt"},
	{at: m(7, 21), who: "may-05", do: https, what: "store.steampowered.com"},
	{at: m(7, 24), who: "may-05", do: https, what: "api.steampowered.com", every: m(1, 20), until: m(12, 50)},
	{at: m(7, 30), who: "may-05", do: https, what: "fconline.garena.vn"},
	{at: m(7, 45), who: "may-05", do: plays, what: fconlineAddr, until: m(9, 45)},
	{at: m(7, 50), who: "may-01", do: https, what: "lol.garena.vn"},
	{at: m(8, 0), who: "may-04", do: http, what: "download.windowsupdate.com/phf/c/doc/ph/prod5/msdownload/update.cab"},
	{at: m(8, 15), who: "may-01", do: https, what: "discord.com", every: m(1, 5), until: m(12, 50)},
	{at: m(8, 40), who: "may-02", do: leave},
	{at: m(9, 30), who: "may-07", do: cut},
	{at: m(10, 0), who: "may-05", do: quic, what: "www.youtube.com", every: m(0, 50), until: m(12, 30)},
	{at: m(11, 30), who: "may-03", do: on},
	{at: m(11, 40), who: "may-03", do: http, what: "www.msftconnecttest.com/connecttest.txt"},
	{at: m(11, 44), who: "may-03", do: https, what: "www.facebook.com", every: m(0, 30), until: m(12, 50)},
	{at: m(13, 0), who: "router", do: finished},
}
