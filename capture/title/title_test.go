package title

import (
	"errors"
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	table := Builtin()
	f := func(name, want string) {
		t.Helper()
		if got := table.Title(table.Name(name)).Name; got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
	f("store.steampowered.com", "steam")
	f("STORE.SteamPowered.com.", "steam")
	f("steampowered.com", "steam")
	f("notsteampowered.com", "")
	f("steampowered.com.evil.example", "")
	f("www.google.com", "google")
	f("play.google.com", "playstore") // the longest wins
	f("fo4.garena.vn", "fc-online")
	f("lol.garena.vn", "league-of-legends")
	f("vtv.garena.vn", "garena")
	f("", "")
	f(".", "")
	f(strings.Repeat("a.", 200)+"steampowered.com", "") // longer than any name
}

func TestParseRefuses(t *testing.T) {
	f := func(name, text string) {
		t.Helper()
		if _, err := Parse(text); !errors.Is(err, ErrTable) {
			t.Errorf("%s: Parse(%q) = %v, want ErrTable", name, text, err)
		}
	}
	f("columns", "steam\tplatform\tsteampowered.com\tx\n")
	f("class", "steam\tshop\tlauncher\tsteampowered.com\tproof\tx\n")
	f("use", "steam\tplatform\tfun\tsteampowered.com\tproof\tx\n")
	f("confidence", "steam\tplatform\tlauncher\tsteampowered.com\tcertain\tx\n")
	f("title", "Steam\tplatform\tlauncher\tsteampowered.com\tproof\tx\n")
	f("domain", "steam\tplatform\tlauncher\t.steampowered.com\tproof\tx\n")
	f("twice", "a\tgame\tplay\tx.com\tproof\ts\nb\tgame\tplay\tx.com\tproof\ts\n")
	f("two classes", "a\tgame\tplay\tx.com\tproof\ts\na\tplatform\tplay\ty.com\tproof\ts\n")
	f("no source", "a\tgame\tplay\tx.com\tproof\t\n")
	f("too long", strings.Repeat("#", MaxText+1))
}

// TestBackground: what a program asks for by itself is told from what a person asks for.
func TestBackground(t *testing.T) {
	table := Builtin()
	f := func(name string, want bool) {
		t.Helper()
		if got := table.Background(table.Name(name)); got != want {
			t.Errorf("Background(%s) = %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{
		"www.msftconnecttest.com", "fe3cr.delivery.mp.microsoft.com", "wdcp.microsoft.com", "v10.events.data.microsoft.com",
		"officecdn.microsoft.com", "msedge.api.cdp.microsoft.com", "update.googleapis.com", "r1.sn-x.gvt1.com",
		"ardownload2.adobe.com", "international-gfe.download.nvidia.com", "ocsp.digicert.com", "dnl-01.geo.kaspersky.com",
		"cache1-sgp1.steamcontent.com", "lol.dyn.riotcdn.net", "clientconfig.rpp.riotgames.com", "dl.garena.com",
		"gateway.discord.gg", "www.epicgames.com", "time.windows.com", "incoming.telemetry.mozilla.org",
	} {
		f(name, true)
	}
	for _, name := range []string{
		"www.youtube.com", "r3---sn-8qj.googlevideo.com", "www.facebook.com", "www.tiktok.com", "vnexpress.net",
		"www.google.com", "shopee.vn", "www.never-heard-of.example", "zingmp3.vn", "www.twitch.tv",
	} {
		f(name, false)
	}
	if !table.BackgroundTitle("windowsupdate") || table.BackgroundTitle("youtube") || table.BackgroundTitle("riot-valorant") {
		t.Error("BackgroundTitle: windowsupdate is, youtube and what is no title are not")
	}
}

// TestNoNameIsPlaying: a game is played in its own flow, not by asking for its name.
func TestNoNameIsPlaying(t *testing.T) {
	table := Builtin()
	for domain, id := range table.domains {
		if have := table.Title(id); have.Use == Play && have.Class != Voice {
			t.Errorf("%s is playing %s", domain, have.Name)
		}
	}
}

func TestNameDoesNotAllocate(t *testing.T) {
	table := Builtin()
	if n := testing.AllocsPerRun(1000, func() { table.Name("a.b.c.Store.SteamPowered.com") }); n != 0 {
		t.Errorf("%v allocations a lookup, want 0", n)
	}
}

// FuzzParse: whatever Parse takes, every domain of it finds its own title or one of a longer row, never nothing.
func FuzzParse(f *testing.F) {
	f.Add(builtin)
	f.Add("a\tgame\tplay\tx.com\tproof\ts\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := Parse(text)
		if err != nil {
			return
		}
		for domain, id := range table.domains {
			if got := table.Name("www." + domain); got != id && len(domain)+4 <= maxDomain {
				if _, longer := table.domains["www."+domain]; !longer {
					t.Errorf("www.%s: id %d, want %d", domain, got, id)
				}
			}
		}
	})
}

func BenchmarkName(b *testing.B) {
	table := Builtin()
	b.ReportAllocs()
	for b.Loop() {
		table.Name("cdn.eu.example.store.steampowered.com")
	}
}

// TestMessenger: a messenger is what people write by and what runs by itself as well; no launcher, call or site is one.
func TestMessenger(t *testing.T) {
	table := Builtin()
	f := func(name string, want bool) {
		t.Helper()
		id := table.Name(name)
		if id == 0 {
			t.Fatalf("%s: no row", name)
		}
		if got := table.Messenger(id); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("chat.zalo.me", true)
	f("edge-chat.facebook.com", true)
	f("gateway.discord.gg", true)
	f("www.facebook.com", false)
	f("updates.discord.com", false)
	f("vn2.chat.si.riotgames.com", false)
	if table.Messenger(0) || table.Messenger(ID(table.Len()+1)) {
		t.Error("what no row matches is a messenger")
	}
}
