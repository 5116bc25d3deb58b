package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cafeprobe/tools/lab/day"
)

// Who is there on the day of package day, and the part of the world that its browsers see.

// dayUUID is the SMBIOS UUID of the diskless computer whose MAC ends in the two digits.
func dayUUID(digits string) string { return "4c4c4544-0043-4610-8052-b4c04f3031" + digits }

// windowsPC is a computer with Windows, without a disk where it has a UUID.
func windowsPC(name, mac, addr, uuid string) station {
	role := "pc"
	if name == "thungan" {
		role = "cashier"
	}
	return station{
		name: name, role: role, mac: mac, addr: addr, host: strings.ToUpper(name), vendor: "MSFT 5.0", fqdn: true,
		params: windowsParams, uuid: uuid,
	}
}

// dayCast are the computers of the day. The phone's address is one that it made up (locally administered).
var dayCast = []station{
	{name: "router", role: "router", mac: "4c:5e:0c:20:00:01", addr: routerAddr, fixed: true},
	{name: "maychu", role: "server", mac: "d8:cb:8a:20:00:02", addr: serverAddr, fixed: true},
	windowsPC("thungan", "b8:ac:6f:20:00:10", "192.168.1.10", ""),
	windowsPC("may-01", "2c:f0:5d:20:00:21", "192.168.1.21", dayUUID("21")),
	windowsPC("may-02", "2c:f0:5d:20:00:22", "192.168.1.22", dayUUID("22")),
	windowsPC("may-03", "00:e0:4c:20:00:23", "192.168.1.23", dayUUID("23")),
	windowsPC("may-04", "d8:bb:c1:20:00:24", "192.168.1.24", dayUUID("24")),
	windowsPC("may-05", "18:c0:4d:20:00:25", "192.168.1.25", dayUUID("25")),
	windowsPC("may-06", "b4:2e:99:20:00:26", "192.168.1.26", dayUUID("26")),
	windowsPC("may-07", "b4:2e:99:20:00:27", "192.168.1.27", ""),
	windowsPC("may-08", "d8:bb:c1:20:00:28", "192.168.1.28", dayUUID("28")),
	{
		name: "phone", role: "phone", mac: "e2:71:9a:4b:30:c6", addr: "192.168.1.150",
		host: "Galaxy-A15", vendor: "android-dhcp-14", params: androidParams,
	},
}

// dayPrograms are those that run by themselves on a computer of the day.
func dayPrograms(who string) []day.Program {
	switch who {
	case "phone":
		return nil
	case "thungan", "maychu":
		return day.Windows
	case "may-04":
		return append(slices.Clone(day.Windows), day.Steam, day.Riot)
	case "may-05", "may-07":
		return append(slices.Clone(day.Windows), day.Garena)
	case "may-06", "may-08":
		return append(slices.Clone(day.Windows), day.Steam)
	}
	return append(slices.Clone(day.Windows), day.Riot)
}

// sites are what pages have on them: from which other names, and how many things.
var sites = map[string][]string{
	"vnexpress.net":    {"s1.vnecdn.net", "i1-vnexpress.vnecdn.net", "www.google-analytics.com"},
	"www.24h.com.vn":   {"cdn.24h.com.vn", "icdn.24h.com.vn", "www.googletagmanager.com"},
	"tuoitre.vn":       {"cdn1.tuoitre.vn", "cdn2.tuoitre.vn"},
	"kenh14.vn":        {"kenh14cdn.com", "static.mediacdn.vn", "www.google-analytics.com"},
	"voz.vn":           {"data.voz.vn", "www.googletagmanager.com"},
	"tinhte.vn":        {"photo2.tinhte.vn", "imgproxy7.tinhte.vn"},
	"truyenqq.vn":      {"i200.truyenvua.com", "st.truyenqq.vn"},
	"www.facebook.com": {"static.xx.fbcdn.net", "scontent.fsgn5-1.fna.fbcdn.net"},
	"www.google.com":   {"www.gstatic.com"},
	"www.youtube.com":  {"i.ytimg.com", "yt3.ggpht.com"},
}

// shared are names that pages of most sites have things of: advertising, fonts, scripts, counters.
var shared = []string{
	"ads.pubmatic.com", "ajax.googleapis.com", "analytics.tiktok.com", "cdn.jsdelivr.net", "cdnjs.cloudflare.com",
	"connect.facebook.net", "eclick.vn", "fonts.googleapis.com", "fonts.gstatic.com", "googleads.g.doubleclick.net",
	"ib.adnxs.com", "media1.admicro.vn", "pagead2.googlesyndication.com", "platform.twitter.com", "sb.scorecardresearch.com",
	"securepubads.g.doubleclick.net", "static.cloudflareinsights.com", "tpc.googlesyndication.com",
}

// segments are the names that video of a site comes from.
var segments = map[string]string{"www.youtube.com": "rr3---sn-8qj-i5oed.googlevideo.com", "www.tiktok.com": "www.tiktok.com"}

// overQUIC are the names that the browser asks by QUIC, as it would after their servers' Alt-Svc of the day before.
var overQUIC = []string{
	"www.google.com", "www.youtube.com", "rr3---sn-8qj-i5oed.googlevideo.com", "i.ytimg.com", "www.facebook.com",
	"static.xx.fbcdn.net", "www.tiktok.com",
}

// browsersOwn are names that Chromium asks for by itself.
var browsersOwn = []string{
	"accounts.google.com", "android.clients.google.com", "clients2.google.com", "clientservices.googleapis.com",
	"content-autofill.googleapis.com", "optimizationguide-pa.googleapis.com", "safebrowsing.googleapis.com",
	"update.googleapis.com",
}

// dayGames are the games' servers, which answer each move, and voice's.
var dayGames = map[string]string{
	"league-of-legends": leagueAddr, "valorant": valorantAddr, "fc-online": fconlineAddr, "discord.com": voiceAddr,
}

const voiceAddr = "198.51.100.40:50004" // Discord's voice is on UDP 50000–65535

// dayNames are the names of the day: those of the evening, and more.
func dayNames() []name {
	all := slices.Clone(names)
	taken := map[string]bool{}
	for _, n := range names {
		taken[n.name] = true
	}
	at := 130 // to 254
	add := func(n string) {
		if !taken[n] {
			taken[n] = true
			all = append(all, name{name: n, v4: fmt.Sprintf("203.0.113.%d", at)})
			at++
		}
	}
	for _, p := range append(slices.Clone(day.Windows), day.Steam, day.Riot, day.Garena) {
		add(p.Name)
	}
	hosts := append(slices.Clone(browsersOwn), shared...)
	for site, parts := range sites {
		hosts = append(append(hosts, site), parts...)
	}
	slices.Sort(hosts)
	for _, h := range hosts {
		add(h)
	}
	return all
}

// lease of the day is longer than the day: Windows' is renewed at half of it.
const dayLease = 12 * time.Hour
