package main

import "time"

// scene is what a café is for one recording: who is there, what there is of the world, and how the files are called.
type scene struct {
	file     string // of the capture and the truth, without what is behind the first dot
	packed   string // the end of the capture's name
	about    string // what the capture says of itself
	stations []station
	names    []name
	games    []string // addresses and ports of servers behind the router
	world    []string // the part of this program that is the world
	image    string   // what diskless computers run
	lease    time.Duration
	knows    bool // the router says of names that it does not know that there are none, instead of that it cannot ask
	windows  bool // computers with Windows send as it does
	snap     bool // the capture keeps only the beginnings of conversations whole
}

// theEvening is the scene of evening.go, theDay that of daycast.go.
var (
	theEvening = scene{
		file: "cafe", packed: ".pcapng.gz",
		about:    "An evening in a small cafe, played by real programs; all addresses are the lab's own.",
		stations: stations, names: names, games: []string{leagueAddr, valorantAddr, fconlineAddr},
		world: []string{"serve", "world"}, image: bootScript, lease: lease,
	}
	theDay = scene{
		file: "day", packed: ".pcapng.zst",
		about: "A morning in a small cafe, played by real programs; all addresses are the lab's own. " +
			"Stretches in which nothing happened were cut while recording, and time stamps moved by as much: see README.md.",
		stations: dayCast, names: dayNames(), games: []string{leagueAddr, valorantAddr, fconlineAddr, voiceAddr},
		world: []string{"town"}, image: bootImage, lease: dayLease, knows: true, windows: true, snap: true,
	}
)
