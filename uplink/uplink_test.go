package uplink

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a file of testdata. Golden files are what other readers are written against: a change of one
// is a change of the protocol.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(bytes.Clone(got), '\n'), want) {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}

var (
	at      = Stamp{8123456, 1795000000123, QualitySync}
	never   = Stamp{1500, 0, QualityNone}
	station = StationID("u3mJq0yZcRE")
	other   = StationID("AAECAwQFBgc")
	address = Address{"ha-giang", "b-7f3a91c2"}
	chain   = ChainID("k3v9Qd2x")
	card    = Card{Fault: CardReadOnly, Corrupt: 1, Lost: 13, Forks: 1, Warn: []string{CardNoBarrier, CardReadOnly}}
)

// bodies holds one of each kind that has a type.
func bodies() []Body {
	return []Body{
		&Boot{Stamp: never, Firmware: "1.4.0", Board: "nanopi-r2s", Why: "power", Alive: 1794990000000},
		&Roster{Rev: 17, Part: 1, Parts: 1, Stamp: at, Stations: []Member{{station, "pc"}, {other, "router"}}},
		&Open{Station: station, Stamp: at, Confidence: 86},
		&Close{
			Station: station, Stamp: at, Cause: CauseIdleTimeout, Confidence: 91, Uncertain: 30, Duration: 5400,
			Began: 1794994600123,
		},
		&Title{Stamp: at, Window: 3600, Mix: []TitleUse{{"lien-minh", 412, 11}, {"fc-online", 96, 4}}},
		&Vantage{Stamp: at, Class: "A", Confidence: 97, Why: "second-switch", Stations: 41, Hidden: 6, Lost: 12, Of: 56000},
		&Blind{Stamp: at, Blind: true, Why: "no-frames"},
		&Health{Stamp: at, Window: 900, Frames: 1234567, Dropped: 3, Stations: 100, Backlog: 12, Spool: 8388608, Written: 409600},
		&Gap{Stamp: at, From: 182700, To: 182712, Count: 13, Why: "corrupt"},
		&Off{Stamp: at, From: 1794990000000, Boot: 40},
		&Anchor{Stamp: at, Error: 12, Step: -750, Source: "ntp"},
		&Link{Stamp: at, Port: "capture", Up: true, Speed: 1000},
		&Power{Stamp: at, What: "low", Volts: 4630},
		&Config{Stamp: at, Hash: Hash{1, 2, 3}, Changed: []string{"cafe.silence"}, Command: 12},
		&Done{Stamp: at, Number: 13, Verb: VerbReboot, Result: ResultRefused, Why: "expired"},
		&Update{Stamp: at, Version: "1.5.0", Step: "rolled-back", Slot: "b", Why: "health"},
		&Fork{Stamp: at, At: 182700, Theirs: Hash{1}, Ours: Hash{2}},
		&Security{Stamp: at, What: SecurityForged, Count: 3, Topic: "receipt"},
		&Event{Stamp: at, What: EventCrash, Of: "daemon", Why: "signal-killed", Up: 4123456, Lost: 2},
		&AfterHours{
			Stamp: at, Night: "2026-11-24", Stage: StageAlert, Category: "game", Hours: "22:00-08:00", First: 1795000000123 - 3000000,
			Last: 1795000000123, Peak: 4, Minutes: 131, Blind: 3, Confidence: 91,
		},
		&Maintenance{Stamp: at, From: 1795046400000, To: 1795053600000, By: ByOwner},
		&Dispute{Stamp: at, Night: "2026-11-24", Stage: StageAlert, Seq: 182701, Note: "Thợ sửa máy chủ từ 22 giờ, không có khách."},
	}
}

func TestGoldenRecords(t *testing.T) {
	have := map[Kind]bool{}
	for _, b := range bodies() {
		r, err := Encode(b)
		if err != nil {
			t.Errorf("%s: %v", b.Kind(), err)
			continue
		}
		have[r.Kind] = true
		golden(t, string(b.Kind())+".json", r.Raw)
		back, err := r.Body()
		if err != nil || !reflect.DeepEqual(back, b) {
			t.Errorf("%s reads back as %+v, %v, want %+v", b.Kind(), back, err, b)
		}
	}
	for name, b := range map[string]Body{
		"open-use.json":    &Open{Station: station, Stamp: at, Confidence: 93, Uncertain: 20, Of: OfUse},
		"close-use.json":   &Close{Station: station, Stamp: at, Cause: CauseUserRequest, Confidence: 95, Uncertain: 45, Duration: 5400, Of: OfUse},
		"gap-kinds.json":   &Gap{Stamp: at, Count: 415, Why: "full", Kinds: []GapKind{{KindTitle, 7}, {KindHealth, 408}}},
		"health-card.json": &Health{Stamp: at, Window: 3600, Frames: 4938268, Stations: 100, Backlog: 12, Spool: 8388608, Written: 409600, Card: card},
		"health-sent.json": &Health{Stamp: at, Window: 3600, Frames: 1234567, Stations: 100, Backlog: 12, Spool: 8388608, Written: 409600, Memory: 25165824, Sent: 1},
		"health-miss.json": &Health{Stamp: at, Window: 3600, Frames: 1234567, Stations: 100, Backlog: 12, Spool: 8388608, Written: 409600, Memory: 25165824, Missed: 210},
		"health-wrong.json": &Health{
			Stamp: at, Window: 3600, Frames: 1234567, Stations: 100, Backlog: 12, Spool: 8388608, Written: 409600,
			Wrong: []string{"capture", "receipts"}, Celsius: 61, Worn: 30,
		},
		"security-mirror.json": &Security{Stamp: at, What: SecurityStranger, Count: 3, Topic: "mirror"},
		"after-hours-unsure.json": &AfterHours{
			Stamp: at, Night: "2026-11-24", Stage: StageWatch, Category: "agent", Hours: "23:00-24:00", First: 1794999000000,
			Last: 1795000000000, Peak: 1, Minutes: 30, Confidence: 84, Maintained: 12, Uncertain: true,
		},
	} {
		r, err := Encode(b)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, r.Raw)
		if back, err := r.Body(); err != nil || !reflect.DeepEqual(back, b) {
			t.Errorf("%s reads back as %+v, %v, want %+v", name, back, err, b)
		}
	}
	for i := range kinds {
		if typed := kinds[i].body != nil; typed != have[kinds[i].kind] {
			t.Errorf("kind %s: has a type: %v, has a golden file: %v", kinds[i].kind, typed, !typed)
		}
		if b := kinds[i].body; b != nil && b().Kind() != kinds[i].kind {
			t.Errorf("row %s makes a %s", kinds[i].kind, b().Kind())
		}
	}
}

// The two examples of the design, octet by octet.
func TestExamples(t *testing.T) {
	r, err := Encode(&Open{Station: station, Stamp: at, Confidence: 86})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"k":"open","st":"u3mJq0yZcRE","m":8123456,"t":1795000000123,"tq":"sync","c":86}`
	if string(r.Raw) != want {
		t.Errorf("got  %s\nwant %s", r.Raw, want)
	}
	const line = `{"v":1,"t":1795000000000,"tq":"sync","win":300,"vantage":"A","roster":17,"on":100,"use":55,` +
		`"unknown":0,"conf":81,"st":"SS-S--"}`
	o, err := Parse[Occ]([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Marshal(o); err != nil || string(got) != line {
		t.Errorf("got  %s, %v\nwant %s", got, err, line)
	}
}

func TestKinds(t *testing.T) {
	urgent, thin := "", ""
	for _, k := range Kinds() {
		if !k.Valid() || !k.Known() {
			t.Errorf("%s: valid %v, known %v", k, k.Valid(), k.Known())
		}
		if k.Urgent() {
			urgent += string(k) + " "
		}
		if k.Thin() {
			thin += string(k) + " "
		}
	}
	if want := "boot anchor close security after-hours maint dispute "; urgent != want {
		t.Errorf("urgent: %s, want %s", urgent, want)
	}
	if want := "title health "; thin != want {
		t.Errorf("thin: %s, want %s", thin, want)
	}
	for _, k := range []Kind{"", "Open", "op en", "-open", "open-", "opensesameopen"} {
		if k.Valid() || k.Known() || k.Thin() || k.Urgent() {
			t.Errorf("kind %q is valid, known, thin or urgent", k)
		}
	}
}

func TestParseRecord(t *testing.T) {
	good := func(raw string) {
		t.Helper()
		if r, err := ParseRecord([]byte(raw)); err != nil || string(r.Raw) != raw {
			t.Errorf("%s: %v", raw, err)
		}
	}
	bad := func(raw string, want error) {
		t.Helper()
		if _, err := ParseRecord([]byte(raw)); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", raw, err, want)
		}
	}
	good(`{"k":"open","m":0,"t":null,"tq":"none"}`)
	good(`{"k":"open","m":9007199254740991,"t":1,"tq":"floor","later":[{"a":1},{"a":2}]}`)
	good(`{"k":"newkind","m":1,"t":null,"tq":"none"}`)
	good(`{ "k" : "open" , "m" : 1 , "t" : null , "tq" : "none" , "x" : "\"{[\\" }`)

	bad(``, ErrStrict)
	bad(`null`, ErrStrict)
	bad(`[]`, ErrStrict)
	bad(`{"k":"open","m":1,"t":null,"tq":"none"} `, ErrStrict)
	bad("{\"k\":\"open\",\n\"m\":1,\"t\":null,\"tq\":\"none\"}", ErrStrict)
	bad(`{"k":"open","K":"close","m":1,"t":null,"tq":"none"}`, ErrStrict)
	bad(`{"k":"open","k":"close","m":1,"t":null,"tq":"none"}`, ErrStrict)
	bad(`{"\u006b":"open","m":1,"t":null,"tq":"none"}`, ErrStrict)
	bad(`{"K":"open","m":1,"t":null,"tq":"none"}`, ErrStrict) // KELVIN SIGN folds to k
	bad(`{"k":"open","m":1,"t":null,"tq":"none","x":{"a":1,"a":2}}`, ErrStrict)
	bad("{\"k\":\"open\",\"m\":1,\"t\":null,\"tq\":\"none\",\"x\":\"\xff\"}", ErrStrict)
	bad(`{"k":"open","m":1,"t":null,"tq":"none","x":[[[[[[[[1]]]]]]]]}`, ErrStrict)
	bad(`{"k":"open","m":1,"t":null,"tq":"none","x":"`+strings.Repeat("a", MaxBody)+`"}`, ErrStrict)

	bad(`{"m":1,"t":null,"tq":"none"}`, ErrRecord)
	bad(`{"k":"open","t":null,"tq":"none"}`, ErrRecord)
	bad(`{"k":"open","m":1,"t":null}`, ErrRecord)
	bad(`{"k":"open","m":1,"t":null,"tq":"sync"}`, ErrRecord)
	bad(`{"k":"open","m":1,"t":5,"tq":"none"}`, ErrRecord)
	bad(`{"k":"open","st":"short","m":1,"t":null,"tq":"none"}`, ErrRecord)
	for _, m := range []string{`-1`, `1.0`, `1e3`, `"1"`, `9007199254740992`} {
		if _, err := ParseRecord([]byte(`{"k":"open","m":` + m + `,"t":null,"tq":"none"}`)); err == nil {
			t.Errorf("m %s accepted", m)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	f := func(name string, b Body) {
		t.Helper()
		if _, err := Encode(b); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: error %v, want %v", name, err, ErrRecord)
		}
	}
	f("no stamp", &Open{Station: station})
	f("no station", &Open{Stamp: at})
	f("a session of nothing", &Open{Station: station, Stamp: at, Of: "play"})
	f("the end of a session of nothing", &Close{Station: station, Stamp: at, Cause: CauseUserRequest, Of: "play"})
	f("101 %", &Open{Station: station, Stamp: at, Confidence: 101})
	f("no cause", &Close{Station: station, Stamp: at})
	f("a name for a cause", &Close{Station: station, Stamp: at, Cause: "PC-01"})
	f("part 2 of 1", &Roster{Part: 2, Parts: 1, Stamp: at})
	f("role", &Roster{Part: 1, Parts: 1, Stamp: at, Stations: []Member{{station, "DESKTOP-1"}}})
	f("too many", &Roster{Part: 1, Parts: 1, Stamp: at, Stations: make([]Member, MaxRoster+1)})
	f("title", &Title{Stamp: at, Mix: []TitleUse{{Title: "Liên Minh"}}})
	f("class", &Vantage{Stamp: at, Class: "a"})
	f("more lost than there was", &Vantage{Stamp: at, Class: "A", Lost: 10001, Of: 1})
	f("lost of nothing", &Vantage{Stamp: at, Class: "A", Lost: 1})
	f("why", &Blind{Stamp: at})
	f("from above to", &Gap{Stamp: at, From: 2, To: 1, Why: "full"})
	f("no time", &Anchor{Stamp: never, Source: "ntp"})
	f("step beyond all", &Anchor{Stamp: at, Source: "ntp", Step: -MaxInt - 1})
	f("port", &Link{Stamp: at, Port: "eth 0"})
	f("power", &Power{Stamp: at})
	f("no hash", &Config{Stamp: at})
	f("field", &Config{Stamp: at, Hash: Hash{1}, Changed: []string{"Cafe.Silence"}})
	f("no number", &Done{Stamp: at, Verb: VerbSet, Result: ResultDone})
	f("version", &Update{Stamp: at, Step: "written"})
	f("no fork", &Fork{Stamp: at, At: 1, Theirs: Hash{1}, Ours: Hash{1}})
	hours := AfterHours{
		Stamp: at, Night: "2026-11-24", Stage: StageEnd, Category: "game", Hours: "22:00-08:00", First: 1, Last: 1, Peak: 1, Minutes: 1,
	}
	if _, err := Encode(&hours); err != nil {
		t.Errorf("%+v: %v", hours, err)
	}
	for name, change := range map[string]func(a *AfterHours){
		"no such day": func(a *AfterHours) { a.Night = "2026-02-30" }, "a name for a stage": func(a *AfterHours) { a.Stage = "Quán A" },
		"no category": func(a *AfterHours) { a.Category = "" }, "hours": func(a *AfterHours) { a.Hours = "22:00-25:00" },
		"hours without zeros": func(a *AfterHours) { a.Hours = "22:00-8:00" }, "no first": func(a *AfterHours) { a.First = 0 },
		"last before first": func(a *AfterHours) { a.First = 2 }, "nobody": func(a *AfterHours) { a.Peak = 0 },
		"fewer minutes than stations": func(a *AfterHours) { a.Peak = 2 }, "sure beyond sure": func(a *AfterHours) { a.Confidence = 101 },
	} {
		bad := hours
		change(&bad)
		f(name, &bad)
	}
	f("none", &Security{Stamp: at, What: SecurityFlood})
	f("mono", &Blind{Stamp: Stamp{MaxInt + 1, 0, QualityNone}, Why: "x"})
	f("time below 0", &Blind{Stamp: Stamp{1, -1, QualitySync}, Why: "x"})
}

// The largest roster and title mix fit a record, and the largest record fits a batch.
func TestLimits(t *testing.T) {
	ro := &Roster{Rev: MaxInt, Part: 64, Parts: 64, Stamp: at}
	for range MaxRoster {
		ro.Stations = append(ro.Stations, Member{station, strings.Repeat("r", 16)})
	}
	ti := &Title{Stamp: at, Window: MaxInt}
	for range MaxMix {
		ti.Mix = append(ti.Mix, TitleUse{strings.Repeat("t", 32), MaxInt, MaxInt})
	}
	for _, b := range []Body{ro, ti} {
		if r, err := Encode(b); err != nil {
			t.Errorf("largest %s: %v", b.Kind(), err)
		} else {
			t.Logf("largest %s: %d octets", b.Kind(), len(r.Raw))
		}
	}
	raw := []byte(`{"k":"open","m":1,"t":null,"tq":"none","x":""}`)
	raw = bytes.Replace(raw, []byte(`""`), []byte(`"`+strings.Repeat("x", MaxBody-len(raw))+`"`), 1)
	r, err := ParseRecord(raw)
	if err != nil {
		t.Fatal(err)
	}
	b := batchOf(t, Head{MaxInt - 1, Hash{1}}, MaxInt, r)
	b.Chain = ChainID(strings.Repeat("c", 22))
	p, err := b.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(p) - len(raw); got > BatchOverhead {
		t.Errorf("a batch costs %d octets, BatchOverhead is %d", got, BatchOverhead)
	}
}

func TestStationID(t *testing.T) {
	mac := [6]byte{0x00, 0x1b, 0x21, 0x3a, 0x4f, 0x01}
	a, b := NewStationID([32]byte{1}, mac), NewStationID([32]byte{2}, mac)
	if !a.Valid() || len(a) != 11 || a == b {
		t.Errorf("ids %s and %s, want two different ones of 11 letters", a, b)
	}
	// printf '\x00\x1b\x21\x3a\x4f\x01' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0100…00 | cut to 8 octets | base64url
	if want := StationID("M1yITByIZ7M"); a != want {
		t.Errorf("id %s, want %s", a, want)
	}
	for _, id := range []StationID{"", "u3mJq0yZcR", "u3mJq0yZcREE", "u3mJq0yZcRF", "u3mJq0yZc\nE", "u3mJq0yZc+E"} {
		if id.Valid() {
			t.Errorf("%q is valid", id)
		}
	}
}

// key is a fixed key pair, so that signatures can be golden.
func key(seed byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)) }

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }
