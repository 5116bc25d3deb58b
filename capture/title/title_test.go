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
	f("lol.garena.vn", "garena")
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
	f("columns", "steam\tplatform\tsteampowered.com\n")
	f("class", "steam\tshop\tsteampowered.com\tx\n")
	f("title", "Steam\tplatform\tsteampowered.com\tx\n")
	f("domain", "steam\tplatform\t.steampowered.com\tx\n")
	f("twice", "a\tgame\tx.com\ts\nb\tgame\tx.com\ts\n")
	f("two classes", "a\tgame\tx.com\ts\na\tplatform\ty.com\ts\n")
	f("no source", "a\tgame\tx.com\t\n")
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
	f.Add("a\tgame\tx.com\ts\n")
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
