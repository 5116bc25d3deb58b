package inspect

import (
	"maps"
	"net"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/title"
)

// kindOf says under which kind a title is scored that the rows (nDPI's classes) give this class: `titles` are what people
// play and what they play it with, `titles_voice` whom they talk to; of the rest nothing is asked but how much is found.
func kindOf(class string) string {
	switch class {
	case "game", "platform", "game-engine":
		return "titles"
	case "voice-chat", "voip":
		return "titles_voice"
	case "network": // a question to a name server is no flow of the title
		return ""
	}
	return "titles_other"
}

// judgeTitles compares the titles of each client with the rows. Extra is each title of a game, platform or engine that
// neither a row expects nor the known names of the capture prove: also in captures of which rows say nothing else, for
// there nobody plays.
func judgeTitles(add adder, file string, doc *Document, known map[string]facts) {
	fs := known[file]
	want := map[string]map[string]bool{"titles": {}, "titles_voice": {}, "titles_other": {}}
	expect := func(client, value string) {
		label, rest, _ := strings.Cut(value, ";")
		class, _, _ := strings.Cut(strings.TrimPrefix(rest, "class="), ";")
		if kind := kindOf(class); kind != "" {
			want[kind][client+" "+label] = true
		}
	}
	if fs.asserts("apps") != "none" {
		for _, f := range fs["app"] {
			expect(f.Key, f.Value)
		}
	}
	scheduled(fs, known, expect)
	proved := named(fs)
	got, played := map[string]bool{}, map[string]bool{}
	for _, u := range doc.Titles {
		row := u.Client + " " + u.Title
		got[row] = true
		switch title.Class(u.Class) {
		case title.Game, title.Platform, title.Engine:
			finer := want["titles"][u.Client+" "+refined[u.Title]]
			played[row] = want["titles"][row] || !proved[row] && !finer
		}
	}
	maps.DeleteFunc(played, func(_ string, counts bool) bool { return !counts })
	add("titles", want["titles"], played, true)
	add("titles_voice", want["titles_voice"], got, false)
	add("titles_other", want["titles_other"], got, false)
}

// refined are titles of which the rows have a broader or narrower one for the same flow: VALORANT's ports at Riot's
// addresses, and ENet, in which War Thunder talks.
var refined = map[string]string{"valorant": "riot-games", "enet": "gaijin-warthunder"}

// scheduled adds what the composite's clients play: the rows of the capture that each of their activities is made of.
func scheduled(fs facts, known map[string]facts, expect func(client, value string)) {
	addrs := map[string]string{}
	for _, f := range fs["schedule_station_ip"] {
		addrs[f.Key] = f.Value
	}
	for _, f := range fs["schedule_activity"] {
		kind, rest, _ := strings.Cut(f.Value, ";")
		_, src, _ := strings.Cut(rest, "src=")
		if kind == "idle" || kind == "boot" {
			continue
		}
		base := strings.TrimSuffix(path.Base(src), path.Ext(src))
		for file, of := range known {
			if strings.Contains(file, strings.ReplaceAll(base, "-", "_")+"--") {
				for _, app := range of["app"] {
					expect(addrs[f.Key], app.Value)
				}
			}
		}
	}
}

// TestPlayed: of the composite's activities with a game's own flow it is told, and of a launcher's none.
func TestPlayed(t *testing.T) {
	doc, err := Run(t.Context(), Config{}, filepath.Join(capturetest.Shared(t), "lan-cafe_composite_a--derived.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	played := map[string]float64{}
	for _, u := range doc.Titles {
		played[u.Client+" "+u.Title] = u.Played
	}
	for title, least := range map[string]float64{
		"192.168.50.102 starcraft2": 1000, "192.168.50.103 heroes-of-the-storm": 600, "192.168.50.104 roblox": 120,
		"192.168.50.105 genshin-impact": 300, "192.168.50.105 discord": 400, "192.168.50.107 riot-games": 200,
	} {
		if played[title] < least {
			t.Errorf("%s: played for %.0f s, want at least %.0f", title, played[title], least)
		}
	}
	for _, title := range []string{
		"192.168.50.102 blizzard", "192.168.50.103 steam", "192.168.50.103 steam-datagram-relay", "192.168.50.103 dota2",
	} {
		if played[title] > 0 {
			t.Errorf("%s: played for %.0f s, and it is a launcher's", title, played[title])
		}
	}
}

// named returns the titles whose names clients are known to have said.
func named(fs facts) map[string]bool {
	table, set := title.Builtin(), map[string]bool{}
	for _, kind := range []string{"sni", "quic_sni", "dtls_sni", "http_host"} {
		for _, f := range fs[kind] {
			name := counted(f.Value)
			if host, _, err := net.SplitHostPort(name); err == nil {
				name = host
			}
			set[f.Key+" "+table.Title(table.Name(name)).Name] = true
		}
	}
	return set
}
