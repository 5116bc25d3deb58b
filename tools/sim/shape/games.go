package shape

// Title is a game as cafés have it.
type Title struct {
	Name     string // as the truth has it: lower case with hyphens
	Stream   string // of play
	Ports    [2]uint16
	Lobby    string   // the name with which a connection stays open while its client runs
	Login    []string // names that its client asks for when it starts
	Launcher string   // the launcher behind it, of Beats; empty for none
	Match    Range    // minutes of play in a row
	Pause    Range    // minutes of menus between two
	Weight   float64  // how many play it, to others
	Servers  string   // a network that the publisher announces, where play goes to; empty for servers of anybody's
	Hello    Hello    // how the conversation of play begins
}

// Titles are games as they are played in Vietnam. Ports are the publishers' (support.riotgames.com, Port forwarding;
// help.steampowered.com, Required ports; support.garena.vn) or, in the captures, nDPI's. How long a match takes is general
// knowledge of the games; how many play which is assumed, and each room draws its own mix. Servers are parts of what AS6507
// (Riot), AS32590 (Valve) and AS22697 (Roblox) announce.
var Titles = []Title{
	{
		Name: "league-of-legends", Stream: "moba", Ports: [2]uint16{5000, 5500}, Lobby: "vn2.chat.si.riotgames.com",
		Login: []string{
			"auth.riotgames.com", "entitlements.auth.riotgames.com", "vn2.lol.sgp.pvp.net",
			"lol.secure.dyn.riotcdn.net",
		},
		Launcher: "riot", Match: Range{18, 42}, Pause: Range{2, 7}, Weight: 6,
		Servers: "43.229.64.0/22",
	},
	{
		Name: "valorant", Stream: "shooter-128", Ports: [2]uint16{7000, 7500}, Lobby: "ap.chat.si.riotgames.com",
		Login: []string{
			"auth.riotgames.com", "shared.ap.a.pvp.net", "glz-ap-1.ap.a.pvp.net",
			"valorant.secure.dyn.riotcdn.net",
		},
		Launcher: "riot", Match: Range{9, 44}, Pause: Range{1.5, 6}, Weight: 4,
		Servers: "43.229.64.0/22",
	},
	{
		Name: "fc-online", Stream: "peer", Ports: [2]uint16{16300, 16800}, Lobby: "gate.fo4.garena.vn",
		Login: []string{"fconline.garena.vn", "sso.garena.com", "cdn.fo4.garena.vn"}, Launcher: "garena", Match: Range{
			9,
			16,
		}, Pause: Range{1, 5}, Weight: 4,
	},
	{
		Name: "counter-strike-2", Stream: "shooter-64", Ports: [2]uint16{27015, 27060}, Lobby: "cmp1-sgp1.steamserver.net",
		Login: []string{"api.steampowered.com", "cdn.steamstatic.com"}, Launcher: "steam", Match: Range{
			12,
			45,
		}, Pause: Range{2, 7}, Weight: 2,
		Servers: "155.133.224.0/19",
	},
	{
		Name: "dota2", Stream: "moba", Ports: [2]uint16{27015, 27060}, Lobby: "cmp2-sgp1.steamserver.net",
		Login: []string{"api.steampowered.com", "www.dota2.com"}, Launcher: "steam", Match: Range{24, 60}, Pause: Range{
			2,
			9,
		}, Weight: 1.5,
		Servers: "155.133.224.0/19",
	},
	{
		Name: "pubg", Stream: "royale", Ports: [2]uint16{7086, 7995}, Lobby: "prod-live-front.playbattlegrounds.com",
		Login: []string{
			"prod-live-entry.playbattlegrounds.com",
			"accounts.krafton.com",
		}, Launcher: "steam", Match: Range{4, 32}, Pause: Range{1.5, 5}, Weight: 2,
	},
	{
		Name: "crossfire", Stream: "shooter-24", Ports: [2]uint16{13000, 13200}, Lobby: "game.cf.vtcgame.vn",
		Login: []string{"cf.vtcgame.vn", "id.vtcgame.vn"}, Match: Range{6, 24}, Pause: Range{0.5, 3}, Weight: 3,
	},
	{
		Name: "roblox", Stream: "blocks", Ports: [2]uint16{49152, 65535}, Lobby: "realtime-signalr.roblox.com",
		Login: []string{
			"www.roblox.com", "gamejoin.roblox.com", "assetdelivery.roblox.com",
			"c0.rbxcdn.com",
		}, Match: Range{8, 70}, Pause: Range{0.3, 3}, Weight: 3,
		Servers: "128.116.0.0/17",
	},
	{
		Name: "fivem", Stream: "blocks", Ports: [2]uint16{30110, 30140}, Lobby: "keymaster.fivem.net",
		Login: []string{"runtime.fivem.net", "policy-live.fivem.net", "changelogs-live.fivem.net"}, Match: Range{
			25,
			150,
		}, Pause: Range{1, 5}, Weight: 2,
		Hello: ENet,
	},
	{
		Name: "genshin-impact", Stream: "role-play", Ports: [2]uint16{22101, 22102}, Lobby: "osasiadispatch.yuanshen.com",
		Login: []string{
			"hk4e-api-os.hoyoverse.com", "sg-public-data-api.hoyoverse.com",
			"autopatchhk.yuanshen.com",
		}, Match: Range{20, 120}, Pause: Range{0.5, 3}, Weight: 1,
		Hello: KCP,
	},
	{
		Name: "minecraft", Stream: "ticks-20", Ports: [2]uint16{25565, 25565}, Lobby: "api.minecraftservices.com",
		Login: []string{"sessionserver.mojang.com", "libraries.minecraft.net"}, Match: Range{20, 120}, Pause: Range{
			0.5,
			3,
		}, Weight: 1,
		Hello: Handshake,
	},
	{
		Name: "vo-lam-truyen-ky", Stream: "mmo", Ports: [2]uint16{5600, 5700}, Lobby: "gateway.volam.zing.vn",
		Login: []string{"volam.zing.vn", "id.zing.vn"}, Match: Range{30, 240}, Pause: Range{0.5, 3}, Weight: 1,
	},
	{
		Name: "fortnite", Stream: "royale-75", Ports: [2]uint16{9000, 9100}, Lobby: "xmpp-service-prod.ol.epicgames.com",
		Login: []string{
			"account-public-service-prod.ol.epicgames.com",
			"fortnite-public-service-prod11.ol.epicgames.com",
		}, Launcher: "epic", Match: Range{5, 25}, Pause: Range{1.5, 5}, Weight: 0.7,
	},
	{
		Name: "free-fire", Stream: "relay", Ports: [2]uint16{39000, 39800}, Lobby: "client.sg.freefiremobile.com",
		Login: []string{"version.ggpolarbear.freefiremobile.com", "dl.cdn.freefiremobile.com"}, Match: Range{
			5,
			16,
		}, Pause: Range{0.5, 3}, Weight: 1,
	},
}
