package shape

// Streams are the conversations in real time. Rates are of play itself, not of the menus around it.
//
// The captures of nDPI hold the first 15 frames of each flow, so what is measured there is a game's first seconds; only
// firefall, nintendo and telegram were recorded at length.
var Streams = []Stream{
	{
		ID: "shooter-mmo", Up: Way{15.3, 134}, Down: Way{86.9, 129}, Vary: 0.15,
		Source: "measured: game-firefall_2014_login_gameplay--derived.pcapng, 116 s of one flow",
	},
	{
		ID: "moba", Up: Way{14, 80}, Down: Way{31.7, 119}, Vary: 0.25,
		Source: "down measured: game-hots--ndpi.pcapng; League of Legends ticks 30 times a second too (win.gg, what " +
			"tick rate means); up assumed",
	},
	{
		ID: "shooter-64", Up: Way{64, 110}, Down: Way{64, 220}, Vary: 0.2,
		Source: "rate: CS:GO's and CS2's 64 ticks (win.gg, what tick rate means); sizes assumed, between shooter-24 and relay",
	},
	{
		ID: "shooter-24", Up: Way{24.2, 82}, Down: Way{20, 172}, Vary: 0.25,
		Source: "Feng, Chang, Feng, Walpole: Provisioning On-line Games, IMW 2002: 437.12 and 360.99 frames/s over " +
			"18.05 players, 39.7 and 129.5 octets of payload",
	},
	{
		ID: "shooter-128", Up: Way{64, 120}, Down: Way{128, 200}, Vary: 0.25,
		Source: "down: technology.riotgames.com, VALORANT's 128-tick servers; up and sizes assumed",
	},
	{
		ID: "royale", Up: Way{30, 120}, Down: Way{17, 420}, Vary: 0.3,
		Source: "down: 17 Hz in PUBG (segmentnext.com on Battle(non)sense's measurement, 2017); up and sizes assumed",
	},
	{
		ID: "royale-75", Up: Way{75, 120}, Down: Way{30, 350}, Vary: 0.25,
		Source: "75/s and 30 Hz in Fortnite 4.2 (padverts.com on Battle(non)sense's measurement); sizes assumed",
	},
	{
		ID: "relay", Up: Way{28.6, 363}, Down: Way{47.1, 454}, Vary: 0.25,
		Source: "measured: game-nintendo--ndpi.pcap, the flow with 185.118.169.65",
	},
	{
		ID: "peer", Up: Way{22.2, 381}, Down: Way{12, 142}, Vary: 0.3,
		Source: "up and sizes measured: game-nintendo--ndpi.pcap, the flow with 81.61.158.138; down assumed, 7 frames/s there",
	},
	{
		ID: "blocks", Up: Way{30.8, 180}, Down: Way{30, 300}, Vary: 0.3,
		Source: "up rate measured: game-roblox--ndpi.pcapng; the rest assumed",
	},
	{
		ID: "role-play", Up: Way{4.6, 173}, Down: Way{4.0, 177}, Vary: 0.3,
		Source: "measured: game-genshin_impact--ndpi.pcap, the flow with 47.254.169.109",
	},
	{
		ID: "ticks-20", TCP: true, Up: Way{18, 75}, Down: Way{20, 240}, Vary: 0.25,
		Source: "20 ticks a second (minecraft.wiki, Tick); sizes assumed",
	},
	{
		ID: "mmo", TCP: true, Up: Way{3, 95}, Down: Way{5, 210}, Vary: 0.4,
		Source: "assumed: a few clicks a second over TCP, as old role-playing games have them",
	},
	{
		ID: "voice", Up: Way{48, 229}, Down: Way{46.7, 256}, Vary: 0.2,
		Source: "down and sizes measured: app-discord--ndpi.pcap, port 55085; 50 Opus frames a second " +
			"(docs.discord.com, voice connections)",
	},
	{
		ID: "call", Up: Way{16.8, 231}, Down: Way{16.3, 247}, Vary: 0.2,
		Source: "measured: lan-telegram--ndpi.pcap, what 28150 sends to 91.108.8.8 and gets from 91.108.8.1",
	},
}

// StreamOf returns the row called id. It panics on an id that is none: tables name it.
func StreamOf(id string) *Stream {
	for i := range Streams {
		if Streams[i].ID == id {
			return &Streams[i]
		}
	}
	panic("BUG: no stream " + id)
}
