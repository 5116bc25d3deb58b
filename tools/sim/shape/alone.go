package shape

// Beat is what a program does by itself, whether somebody is there or not.
type Beat struct {
	ID    string
	Name  string // that is asked for
	Hello Hello
	Class Class
	Every Range // seconds
	Keep  bool  // over one connection that stays open; else each time over a new one
	Up    Range // KB each time
	Down  Range
	With  float64 // share of rooms whose image has it
	First Range   // seconds from the start of the system, or of the program, to the first time

	Source string
}

// Windows is what the system does alone. That it asks for these names when nobody is there says Microsoft (Manage
// connection endpoints for Windows 10, measured over a week of idleness); how often is assumed from the endpoints' purpose
// where no source is given, within wide ranges.
var Windows = []Beat{
	{
		ID: "ncsi", Name: "www.msftconnecttest.com", Hello: HTTP, Class: Check,
		Every: Range{7200, 40000}, Up: Range{0.3, 0.4}, Down: Range{0.5, 0.6}, With: 1, First: Range{1, 6},
		Source: "learn.microsoft.com, NCSI overview: at each change of the network",
	},
	{
		ID: "events", Name: "v10.events.data.microsoft.com", Hello: TLS, Class: Telemetry,
		Every: Range{240, 1800}, Up: Range{2, 40}, Down: Range{4, 8}, With: 0.9, First: Range{20, 120},
	},
	{
		ID: "settings", Name: "settings-win.data.microsoft.com", Hello: TLS, Class: Telemetry,
		Every: Range{1800, 7200}, Up: Range{1, 2}, Down: Range{5, 30}, With: 0.9, First: Range{10, 90},
	},
	{
		ID: "roots", Name: "ctldl.windowsupdate.com", Hello: HTTP, Class: Update,
		Every: Range{3600, 14400}, Up: Range{0.4, 0.6}, Down: Range{1, 60}, With: 0.9, First: Range{15, 200},
	},
	{
		ID: "push", Name: "client.wns.windows.com", Hello: TLS, Class: Telemetry,
		Every: Range{230, 900}, Keep: true, Up: Range{0.06, 0.3}, Down: Range{0.06, 0.3}, With: 0.9, First: Range{5, 40},
	},
	{
		ID: "account", Name: "login.live.com", Hello: TLS, Class: Telemetry,
		Every: Range{3600, 14400}, Up: Range{3, 8}, Down: Range{8, 20}, With: 0.7, First: Range{10, 100},
	},
	{
		ID: "policy", Name: "fe3cr.delivery.mp.microsoft.com", Hello: TLS, Class: Update,
		Every: Range{4000, 20000}, Up: Range{5, 40}, Down: Range{10, 300}, With: 0.5, First: Range{60, 900},
	},
	{
		ID: "defender", Name: "wdcp.microsoft.com", Hello: TLS, Class: Telemetry,
		Every: Range{900, 7200}, Up: Range{2, 6}, Down: Range{4, 8}, With: 0.5, First: Range{30, 400},
	},
	{
		ID: "edge", Name: "msedge.api.cdp.microsoft.com", Hello: TLS, Class: Update,
		Every: Range{3600, 18000}, Up: Range{2, 4}, Down: Range{5, 12}, With: 0.6, First: Range{60, 1200},
	},
	{
		ID: "weather", Name: "assets.msn.com", Hello: TLS, Class: Telemetry,
		Every: Range{1200, 5400}, Up: Range{1, 4}, Down: Range{20, 400}, With: 0.4, First: Range{40, 300},
		Source: "Windows' news and interests on the task bar",
	},
}

// Programs are launchers, chats and the like that a room's image starts with the system, or that a player leaves open.
var Programs = []Beat{
	{
		ID: "steam", Name: "cmp1-sgp1.steamserver.net", Hello: TLS, Class: Launcher,
		Every: Range{25, 60}, Keep: true, Up: Range{0.06, 0.3}, Down: Range{0.06, 0.5}, With: 0.6, First: Range{15, 60},
		Source: "a connection manager with a heartbeat (SteamKit2, CMClient); its period is assumed",
	},
	{
		ID: "steam-store", Name: "store.steampowered.com", Hello: TLS, Class: Launcher,
		Every: Range{1800, 9000}, Up: Range{2, 8}, Down: Range{30, 900}, With: 0.6, First: Range{20, 90},
	},
	{
		ID: "riot", Name: "vn2.chat.si.riotgames.com", Hello: TLS, Class: Launcher,
		Every: Range{50, 150}, Keep: true, Up: Range{0.07, 0.3}, Down: Range{0.07, 0.8}, With: 0.6, First: Range{15, 80},
		Source: "measured alike: 0.3 frames/s up over XMPP in game-firefall_2014_login_gameplay--derived.pcapng, with " +
			"somebody playing",
	},
	{
		ID: "riot-config", Name: "clientconfig.rpg.riotgames.com", Hello: TLS, Class: Launcher,
		Every: Range{600, 3600}, Up: Range{1, 3}, Down: Range{6, 60}, With: 0.6, First: Range{15, 80},
	},
	{
		ID: "garena", Name: "gcafe.garena.vn", Hello: TLS, Class: Launcher,
		Every: Range{60, 300}, Keep: true, Up: Range{0.1, 0.5}, Down: Range{0.1, 1}, With: 0.5, First: Range{15, 60},
	},
	{
		ID: "epic", Name: "xmpp-service-prod.ol.epicgames.com", Hello: TLS, Class: Launcher,
		Every: Range{55, 65}, Keep: true, Up: Range{0.06, 0.2}, Down: Range{0.06, 0.2}, With: 0.2, First: Range{20, 80},
	},
	{
		ID: "discord", Name: "gateway.discord.gg", Hello: TLS, Class: Voice,
		Every: Range{41, 42}, Keep: true, Up: Range{0.1, 0.2}, Down: Range{0.1, 3}, With: 0.35, First: Range{15, 60},
		Source: "heartbeat_interval 41250 ms (docs.discord.com, gateway)",
	},
	{
		ID: "zalo", Name: "wpa.chat.zalo.me", Hello: TLS, Class: Social,
		Every: Range{30, 240}, Keep: true, Up: Range{0.06, 0.4}, Down: Range{0.06, 6}, With: 0.25, First: Range{20, 100},
		Source: "measured alike: 179 frames in 553 s in lan-wechat--ndpi.pcap",
	},
}

// Tabs are pages that a guest leaves open and that load anew by themselves: the hardest case of somebody who is not there.
var Tabs = []Beat{
	{
		ID: "tab-news", Name: "vnexpress.net", Hello: TLS, Class: Site,
		Every: Range{300, 1800}, Up: Range{3, 10}, Down: Range{20, 700}, With: 0.15,
	},
	{
		ID: "tab-mess", Name: "edge-chat.facebook.com", Hello: TLS, Class: Social,
		Every: Range{20, 120}, Keep: true, Up: Range{0.06, 0.3}, Down: Range{0.06, 2}, With: 0.3,
	},
}

// Updates are where the night's updates come from.
var Updates = []string{
	"dl.delivery.mp.microsoft.com", "tlu.dl.delivery.mp.microsoft.com", "au.download.windowsupdate.com",
	"cache1-sgp1.steamcontent.com", "lol.secure.dyn.riotcdn.net", "valorant.secure.dyn.riotcdn.net", "cdn.fo4.garena.vn",
	"epicgames-download1.akamaized.net",
}
