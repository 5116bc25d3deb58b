package inspect

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture/capturetest"
)

// judgeRoles compares roles where a file says them for sure: those of the shared captures are guesses.
func judgeRoles(add func(string, map[string]bool, map[string]bool, bool), doc *Document, fs facts) {
	if fs.asserts("roles") != "strict" {
		return
	}
	got := map[string]bool{}
	for _, s := range doc.Stations {
		got[s.MAC+" role="+s.Role] = true
	}
	add("roles", rows(fs["station"], func(v string) string { v, _, _ = strings.Cut(v, ";"); return v }), got, true)
}

// family returns the family of systems that a hint or a document's OS is of, and the release where it says one. Android is
// a Linux, and what the hints call Linux may be one.
func family(v string) (family, release string) {
	releases := map[string]string{
		"windows_nt=10.0": "Windows 10 or 11", "windows_nt=6.3": "Windows 8.1", "windows_nt=6.1": "Windows 7",
		"windows_nt=5.1": "Windows XP", "windows_nt=5.0": "Windows 2000",
	}
	version, comment, _ := strings.Cut(v, ";comment=")
	switch {
	case strings.Contains(comment, "Samba"):
		return "", "" // which announces a Windows that it is not
	case strings.HasPrefix(version, "windows_nt"):
		return "Windows", releases[version]
	case strings.HasPrefix(v, "Windows"):
		return "Windows", v
	case strings.HasPrefix(v, "Linux"), strings.HasPrefix(v, "Android"):
		return "Linux", v
	case v == "macOS", v == "Apple":
		return "Apple", ""
	}
	return "", ""
}

// judgeSystems compares families of systems with the hints that files have of stations or of addresses, and releases where
// a browser announcement says one. Stations that were cut together of several captures show the systems of all of them;
// their DHCP decides, there as in the hints.
func judgeSystems(add adder, doc *Document, fs facts) {
	want, got := map[string]bool{}, map[string]bool{}
	for _, f := range fs["os_hint"] {
		is, release := family(f.Value)
		known := func(s Station) bool { return s.MAC == f.Key || slices.Contains(s.Addrs, f.Key) }
		i := slices.IndexFunc(doc.Stations, known)
		if is == "" || i < 0 {
			continue // not comparable: no station of the file is known by it, as where links have no MAC addresses
		}
		s := &doc.Stations[i]
		said, _ := family(s.OS)
		want[f.Key+" "+is] = true
		if said != "" {
			got[f.Key+" "+said] = true
		}
		if strings.HasPrefix(f.Value, "windows_nt") && release != "" {
			want[f.Key+" "+release] = true
			got[f.Key+" "+s.OS] = true
		}
	}
	add("os", want, got, true)
}

// judgeWakes compares who woke whom, and when to the second.
func judgeWakes(add func(string, map[string]bool, map[string]bool, bool), doc *Document, fs facts) {
	if fs.asserts("wol") != "strict" {
		return
	}
	want, got := map[string]bool{}, map[string]bool{}
	for _, f := range fs["wol"] {
		var by string
		var at float64
		if _, err := fmt.Sscanf(strings.ReplaceAll(f.Value, ";", " "), "by=%s at=%f", &by, &at); err != nil {
			want["unreadable: "+f.Value] = true
			continue
		}
		key := by + " wakes " + f.Key
		want[key] = true
		for _, w := range doc.Wakes {
			if w.From == by && w.Target == f.Key && math.Abs(seconds(w.Time)-at) < 1 {
				got[key] = true
			}
		}
	}
	for _, w := range doc.Wakes {
		if key := w.From + " wakes " + w.Target; !want[key] {
			got[key] = true
		}
	}
	add("wol", want, got, true)
}

// startSlack is how far a session's start may be from when the station was switched on.
const startSlack = 30 * time.Second

// judgePower compares with each other the times for which stations were on, station by station: one must start
// within startSlack of the switch, and end as near to the truth as it says itself.
func judgePower(add func(string, map[string]bool, map[string]bool, bool), doc *Document, fs facts) {
	if len(fs["schedule_power"]) == 0 {
		return
	}
	want, got := map[string]bool{}, map[string]bool{}
	for _, s := range doc.Stations {
		times := powerOf(fs, s.MAC)
		if len(times) == 0 {
			continue // the file does not say when this one was on
		}
		for _, e := range s.Power {
			i := slices.IndexFunc(times, func(p on) bool { return p.is(e) })
			if i < 0 {
				got[fmt.Sprintf("%s session %.1f–%.1f ±%.0f", s.MAC, seconds(e.Start), seconds(e.End), e.EndErr)] = true
				continue
			}
			got[times[i].String()] = true
			times = slices.Delete(times, i, i+1)
		}
	}
	for _, f := range fs["schedule_power"] {
		want[on{f.Key, f.Value}.String()] = true
	}
	add("power", want, got, true)
}

// on is a time for which a station was on: "start,end", seconds since the Unix epoch.
type on struct{ mac, span string }

func powerOf(fs facts, mac string) (list []on) {
	for _, f := range fs["schedule_power"] {
		if f.Key == mac {
			list = append(list, on{f.Key, f.Value})
		}
	}
	return list
}

func (p on) String() string { return p.mac + " on " + p.span }

func (p on) is(e Session) bool {
	from, to, _ := strings.Cut(p.span, ",")
	start, err1 := strconv.ParseFloat(from, 64)
	end, err2 := strconv.ParseFloat(to, 64)
	return cmp.Or(err1, err2) == nil && math.Abs(seconds(e.Start)-start) <= startSlack.Seconds() && math.Abs(seconds(e.End)-end) <= e.EndErr
}

// judgeVantage compares grades with vantage.tsv.
func judgeVantage(t *testing.T, scores map[string]*score, docs map[string]*Document) {
	t.Helper()
	text, err := os.ReadFile("vantage.tsv")
	if err != nil {
		t.Fatal(err)
	}
	s := &score{}
	scores["vantage"] = s
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		col := strings.Split(strings.TrimSpace(line), "\t")
		if len(col) != 3 || docs[col[0]] == nil {
			t.Fatalf("vantage.tsv: %q: want a capture that there is, its grade and why", line)
		}
		s.grade(col[0], docs[col[0]], col[1])
	}
}

// grade counts whether a document has the grade that it should have.
func (s *score) grade(file string, doc *Document, want string) {
	s.expected++
	if doc.Vantage.Grade == want {
		s.found++
		return
	}
	s.missed = append(s.missed, fmt.Sprintf("%s %s, want %s: %q", file, doc.Vantage.Grade, want, doc.Vantage.Why))
}

func seconds(t Time) float64 { return float64(t) / float64(time.Second) }

// TestJudgePower shows that the judge of sessions can say no.
func TestJudgePower(t *testing.T) {
	const mac = "2c:f0:5d:10:00:01"
	f := func(name string, start, end, err float64, missed, extra int) {
		t.Helper()
		at := func(s float64) Time { return Time(s * float64(time.Second)) }
		doc := &Document{Stations: []Station{{MAC: mac, Power: []Session{{Start: at(start), End: at(end), EndErr: err}}}}}
		fs := facts{"schedule_power": {capturetest.Fact{Key: mac, Value: "1000.0,2000.0"}}}
		scores := map[string]*score{}
		judge(scores, "x", doc, map[string]facts{"x": fs})
		if s := scores["power"]; len(s.missed) != missed || len(s.extra) != extra {
			t.Errorf("%s: missed %q extra %q, want %d and %d", name, s.missed, s.extra, missed, extra)
		}
	}
	f("right", 1010, 1990, 20, 0, 0)
	f("starts too late", 1031, 1990, 20, 1, 1)
	f("ends earlier than it says", 1010, 1979, 20, 1, 1)
	f("ends later than it says", 1010, 2021, 20, 1, 1)
}

// TestJudgeTitles shows that the judge of titles can say no.
func TestJudgeTitles(t *testing.T) {
	f := func(name string, missed, extra int, used ...Used) {
		t.Helper()
		fs := facts{
			"app":      {capturetest.Fact{Key: "10.0.0.2", Value: "roblox;class=game;ndpi=TLS.Roblox;flows=1"}},
			"quic_sni": {capturetest.Fact{Key: "10.0.0.2", Value: "store.steampowered.com;n=1"}},
		}
		scores := map[string]*score{}
		judge(scores, "x", &Document{Titles: used}, map[string]facts{"x": fs})
		if s := scores["titles"]; len(s.missed) != missed || len(s.extra) != extra {
			t.Errorf("%s: missed %q extra %q, want %d and %d", name, s.missed, s.extra, missed, extra)
		}
	}
	roblox := Used{Client: "10.0.0.2", Title: "roblox", Class: "game"}
	f("right", 0, 0, roblox)
	f("nothing", 1, 0)
	f("another's", 1, 1, Used{Client: "10.0.0.3", Title: "roblox", Class: "game"})
	f("one too many", 0, 1, roblox, Used{Client: "10.0.0.2", Title: "starcraft2", Class: "game"})
	f("one that a name proves", 0, 0, roblox, Used{Client: "10.0.0.2", Title: "steam", Class: "platform"})
	f("no game", 0, 0, roblox, Used{Client: "10.0.0.2", Title: "youtube", Class: "video"})
}
