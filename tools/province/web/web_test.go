package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// serve returns a page over a store that fill has filled.
func serve(t *testing.T, fill func(tx *store.Tx) error) (*store.Store, *Server, *httptest.Server) {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "p.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(fill); err != nil {
		t.Fatal(err)
	}
	w := New(s, slog.New(slog.DiscardHandler))
	h := httptest.NewServer(w)
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
		s.Close()
	})
	return s, w, h
}

func fetch(t *testing.T, url string) (string, *http.Response) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), r
}

func occ(vantage string, on, use, unknown int, told time.Time, quality uplink.Quality) []byte {
	o := uplink.Occ{
		V: 1, Time: uplink.TimeOf(told), Quality: quality, Window: 300, Vantage: vantage, On: uplink.Int(on),
		Use: uplink.Int(use), Unknown: uplink.Int(unknown), Confidence: 80,
	}
	b, err := uplink.Marshal(o)
	if err != nil {
		panic(err)
	}
	return b
}

// cafe puts one box into the store as it is at now.
func cafe(tx *store.Tx, box string, now time.Time, occ []byte) error {
	if err := tx.Heard(box, "0", now); err != nil {
		return err
	}
	return tx.Occ(box, occ, now)
}

// evil closes whatever it may stand in: an element, an attribute, a script.
const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`

// TestHostileValuesAreEscaped: whatever a box or a registry says, the page has no element of theirs.
func TestHostileValuesAreEscaped(t *testing.T) {
	_, _, h := serve(t, func(tx *store.Tx) error {
		now := time.Now()
		box := "b" + evil
		if err := cafe(tx, box, now, occ("A", 1, 1, 0, now, uplink.QualitySync)); err != nil {
			return err
		}
		if err := tx.SetSites(map[string]store.Site{
			box: {Name: "site" + evil, Commune: "commune" + evil}, "x" + evil: {Name: "other" + evil},
		}); err != nil {
			return err
		}
		c, err := tx.NewChain(box, "chain"+evil, make([]byte, 32), make([]byte, 32), now)
		if err != nil {
			return err
		}
		text, err := json.Marshal(evil) // escapes <, which is < again when it is read
		if err != nil {
			return err
		}
		bodies := []string{
			fmt.Sprintf(`{"k":"boot","m":1,"t":null,"tq":"none","fw":%s,"board":%s,"alive":null}`, text, text),
			`{"k":"evil-kind","m":1,"t":null,"tq":"none","x":"<script>"}`,
		}
		for i, b := range bodies {
			if err := tx.Insert(c, []store.Record{{Seq: uint64(i + 1), Hash: make([]byte, 32), Body: []byte(b)}}, now); err != nil {
				return err
			}
		}
		return nil
	})
	for _, lang := range []string{"", "?lang=en", "?lang=%22%3E%3Cscript%3E"} {
		page, _ := fetch(t, h.URL+"/"+lang)
		low := strings.ToLower(page)
		if n := strings.Count(low, "<script"); n != 1 {
			t.Errorf("%q: %d script elements, want the page's own", lang, n)
		}
		if strings.Contains(low, "<img") || strings.Contains(low, `=""'>`) {
			t.Errorf("%q: an element of a hostile value is in the page", lang)
		}
		for _, want := range []string{"site&#34;&#39;&gt;&lt;script", "commune&#34;", "evil-kind"} {
			if !strings.Contains(page, want) {
				t.Errorf("%q: %q is not in the page: what is hostile is to be shown, harmless", lang, want)
			}
		}
	}
}

// TestHeaders: no script or style but the page's own files, and nobody may frame it.
func TestHeaders(t *testing.T) {
	_, _, h := serve(t, func(*store.Tx) error { return nil })
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/page.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8",
		"/icon.svg": "image/svg+xml", "/api/v1/cafes": "application/json", "/healthz": "text/plain; charset=utf-8",
	} {
		body, r := fetch(t, h.URL+path)
		csp := r.Header.Get("Content-Security-Policy")
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != kind || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s, %v, want %s and nosniff", path, r.Status, r.Header, kind)
		}
		if !strings.Contains(csp, "default-src 'self'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if strings.Contains(body, " style=") || strings.Contains(body, " onclick=") {
			t.Errorf("%s has inline style or script, which the policy forbids", path)
		}
	}
	if _, r := fetch(t, h.URL+"/web.go"); r.StatusCode != http.StatusNotFound {
		t.Errorf("/web.go: %s, want 404", r.Status)
	}
	r, err := http.Post(h.URL+"/", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /: %s, want 405", r.Status)
	}
}

func TestEmptyPage(t *testing.T) {
	_, _, h := serve(t, func(*store.Tx) error { return nil })
	page, _ := fetch(t, h.URL)
	for _, want := range []string{`lang="vi"`, vietnamese.None, vietnamese.NoRecords, vietnamese.Notice, "0 điểm: 0 đang mở"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the empty page", want)
		}
	}
}

// TestEveryStatus: one café of each, counted and told apart by words, not by colour alone.
func TestEveryStatus(t *testing.T) {
	now := time.Now()
	_, _, h := serve(t, func(tx *store.Tx) error {
		for box, o := range map[string][]byte{
			"b-00000001": occ("A", 7, 5, 0, now, uplink.QualitySync), "b-00000002": occ("A", 0, 0, 0, now, uplink.QualitySync),
			"b-00000003": occ("C", 0, 0, 0, now, uplink.QualitySync), "b-00000004": occ("BLIND", 0, 0, 0, now, uplink.QualitySync),
		} {
			if err := cafe(tx, box, now, o); err != nil {
				return err
			}
		}
		return cafe(tx, "b-00000005", now.Add(-time.Hour), occ("A", 9, 9, 0, now, uplink.QualitySync))
	})
	page, _ := fetch(t, h.URL+"/?lang=en")
	want := "Cafés 5: 1 open, 1 closed, 1 unknown, 1 blind, 1 offline. Stations on: 7."
	if !strings.Contains(page, want) {
		t.Errorf("no %q in %s", want, page)
	}
	if got := strings.Count(page, `class="big"`); got != 2 {
		t.Errorf("%d cafés show how many stations are on, want 2: the open and the closed one", got)
	}
	if strings.Contains(page, english.intact) {
		t.Errorf("a chain without a record is called %s", english.intact)
	}
	body, _ := fetch(t, h.URL+"/api/v1/cafes")
	var api struct {
		V     int
		Cafes []map[string]any
	}
	if err := json.Unmarshal([]byte(body), &api); err != nil || api.V != 1 || len(api.Cafes) != 5 {
		t.Fatalf("cafes %s, %v, want 5", body, err)
	}
	for i, status := range []string{"open", "closed", "unknown", "blind", "offline"} {
		if got := api.Cafes[i]["status"]; got != status {
			t.Errorf("café %d: %v, want %s", i+1, got, status)
		}
	}
	if _, words := api.Cafes[0]["Say"]; words {
		t.Errorf("the API holds the page's words: %s", body)
	}
}

// TestReplayIsShownAsOne: a box that replays an old capture is heard now and tells of then; the page says both, and that
// they differ.
func TestReplayIsShownAsOne(t *testing.T) {
	now := time.Now()
	told := time.Date(2025, 11, 20, 11, 30, 0, 0, time.UTC)
	_, _, h := serve(t, func(tx *store.Tx) error {
		return cafe(tx, "b-00000001", now, occ("A", 7, 0, 7, told, uplink.QualityCoarse))
	})
	page, _ := fetch(t, h.URL+"/?lang=en")
	for _, want := range []string{
		"18:30:00 20/11/2025", moment{now}.String(), "just now", english.Unsure, "sent again or replayed",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in %s", want, page)
		}
	}
	f := func(name string, told, arrived time.Time, want string) {
		t.Helper()
		if got := english.lateness(told, arrived); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	f("just within", now.Add(-lateness+1), now, "")
	f("late", now.Add(-lateness), now, "old by 2 min on arrival: sent again or replayed")
	f("clock fast", now.Add(3*time.Minute), now, "stamped 3 min after arrival: the box's clock is fast")
	f("no time told", time.Time{}, now, "")
	f("kept by the broker", now, time.Time{}, "")
}

// TestEvents: a page is told at once, again when the store changes, and the stream ends with the client.
func TestEvents(t *testing.T) {
	_, w, h := serve(t, func(*store.Tx) error { return nil })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, want := resp.Header.Get("Content-Type"), "text/event-stream"; got != want {
		t.Errorf("type %s, want %s", got, want)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func(when string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != "data: changed" || !lines.Scan() || lines.Text() != "" {
			t.Fatalf("%s: %q, %v, want an event", when, lines.Text(), lines.Err())
		}
	}
	next("at once")
	for range 3 { // many changes are one event
		w.Changed()
	}
	next("after a change")
	w.Changed()
	next("after another")
}

// TestStoreAway: a page that cannot be made says so, in the reader's language.
func TestStoreAway(t *testing.T) {
	s, _, h := serve(t, func(*store.Tx) error { return nil })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/": vietnamese.away, "/?lang=en": english.away, "/healthz": vietnamese.away} {
		if page, r := fetch(t, h.URL+path); r.StatusCode != 503 || strings.TrimSpace(page) != want {
			t.Errorf("%s: %s %q, want 503 %q", path, r.Status, page, want)
		}
	}
}

// TestManyCafes: a page stays of a size that a phone can show; the counts are of all.
func TestManyCafes(t *testing.T) {
	now := time.Now()
	_, _, h := serve(t, func(tx *store.Tx) error {
		for i := range maxCards + 3 {
			if err := cafe(tx, fmt.Sprintf("b-%08x", i), now, occ("A", 2, 0, 0, now, uplink.QualitySync)); err != nil {
				return err
			}
		}
		return nil
	})
	page, _ := fetch(t, h.URL+"/?lang=en")
	if got := strings.Count(page, `<li class="card `); got != maxCards {
		t.Errorf("%d cards, want %d", got, maxCards)
	}
	if want := "Stations on: 1,006."; !strings.Contains(page, want) || !strings.Contains(page, "Cafés not shown here: 3.") {
		t.Errorf("no %q, or not said how many are not shown", want)
	}
}

// TestBoxThatComplains: a failing card, late receipts and a chain in doubt are on the page, and in its JSON.
func TestBoxThatComplains(t *testing.T) {
	_, _, h := serve(t, func(tx *store.Tx) error {
		now := time.Now()
		const box = "b-7f3a91c2"
		if err := cafe(tx, box, now, occ("A", 1, 1, 0, now, uplink.QualitySync)); err != nil {
			return err
		}
		s, err := uplink.Marshal(uplink.State{
			V: 1, State: uplink.StateOnline, Chain: "k3v9Qd2x", Lag: 960,
			Card: uplink.Card{Fault: uplink.CardReadOnly, Corrupt: 2, Warn: []string{uplink.CardNoBarrier, "later-word"}},
		})
		if err != nil {
			return err
		}
		c, err := tx.NewChain(box, "k3v9Qd2x", make([]byte, 32), make([]byte, 32), now)
		if err != nil {
			return err
		}
		return errors.Join(tx.State(box, s, false, now), tx.Alarm(c, "fork", 150, 150, now))
	})
	page, _ := fetch(t, h.URL+"/?lang=en")
	for _, want := range []string{
		"Its card takes no records: read-only.", "Files on its card found broken: 2.",
		"Its card: mounted so that a power cut can lose records, later-word.", "Connected for 16 min without receipts",
		"alarms that it is not one box&#39;s alone: 1",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	list, _ := fetch(t, h.URL+"/api/v1/cafes")
	for _, want := range []string{`"fault":"read-only"`, `"late_s":960`, `"doubts":1`} {
		if !strings.Contains(strings.ReplaceAll(list, ": ", ":"), want) {
			t.Errorf("the list has no %s: %s", want, list)
		}
	}
}

// nightRecord is a record of a night, as a box writes it.
func nightRecord(stage string, change func(a *uplink.AfterHours)) []byte {
	a := uplink.AfterHours{
		Stamp: at, Night: "2026-11-24", Stage: stage, Category: "game", Hours: "22:00-08:00", First: 1795534200000,
		Last: 1795536000000, Peak: 3, Minutes: 62, Confidence: 88,
	}
	if change != nil {
		change(&a)
	}
	r, err := uplink.Encode(&a)
	if err != nil {
		panic(err)
	}
	return r.Raw
}

// TestNights: one entry a night and café, with its highest stage and newest figures, and the words that it is no finding.
func TestNights(t *testing.T) {
	now := time.Now()
	_, _, h := serve(t, func(tx *store.Tx) error {
		for i, box := range []string{"b-00000001", "b-00000002"} {
			if err := cafe(tx, box, now, occ("A", 1, 1, 0, now, uplink.QualitySync)); err != nil {
				return err
			}
			c, err := tx.NewChain(box, "k3v9Qd2x", make([]byte, 32), make([]byte, 32), now)
			if err != nil {
				return err
			}
			bodies := [][]byte{nightRecord(uplink.StageWatch, func(a *uplink.AfterHours) { a.Uncertain = i == 1 })}
			if i == 0 {
				bodies = append(bodies, nightRecord(uplink.StageAlert, nil),
					nightRecord(uplink.StageEnd, func(a *uplink.AfterHours) { a.Peak, a.Minutes, a.Blind, a.Maintained = 7, 200, 12, 4 }))
			}
			for n, body := range bodies {
				r, err := uplink.ParseRecord(body)
				if err != nil {
					return err
				}
				b, err := r.Body()
				if err != nil {
					return err
				}
				a, seq := b.(*uplink.AfterHours), uint64(n+1)
				if err := tx.Insert(c, []store.Record{{Seq: seq, Hash: make([]byte, 32), Body: body}}, now); err != nil {
					return err
				}
				if err := tx.Night(c, seq, string(a.Night), a.Stage); err != nil {
					return err
				}
			}
		}
		return tx.SetSites(map[string]store.Site{"b-00000001": {Name: "Net Hoa Ban", Commune: "Phường Hà Giang 1"}})
	})
	page, _ := fetch(t, h.URL)
	list := page[strings.Index(page, `id="nights"`):strings.Index(page, `id="newest"`)]
	for _, want := range []string{
		vietnamese.Nights, vietnamese.Notice, "<h3>Net Hoa Ban</h3>", "Phường Hà Giang 1", "Đêm 24/11/2026 (22:00-08:00) · đã tổng kết",
		`class="alert"`, "nhiều nhất 7 máy cùng lúc, tổng cộng 200 phút máy", "12 phút không quan sát được.", "4 phút trong thời gian bảo trì",
		"<h3>b-00000002</h3>", "lưu ý", "chưa tổng kết", vietnamese.Unsure,
	} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in %s", want, list)
		}
	}
	if got := strings.Count(list, "<h3>"); got != 2 {
		t.Errorf("%d nights, want one of each café", got)
	}
	if got := strings.Count(list, "<em>"+vietnamese.Unsure); got != 1 {
		t.Errorf("%d nights have uncertain times, want the second", got)
	}
	english, _ := fetch(t, h.URL+"/?lang=en")
	for _, want := range []string{"Information for inspection, not a finding", "stations at once: 7 at most, station-minutes: 200", "inspection suggested"} {
		if !strings.Contains(english, want) {
			t.Errorf("no %q in the English page", want)
		}
	}
}

// TestDisputes: what the owner says stands at the night that it is about, in his own words, which do nothing but stand there.
func TestDisputes(t *testing.T) {
	now := time.Now()
	const hostile = `</q><script>alert(1)</script> "thợ sửa"`
	_, _, h := serve(t, func(tx *store.Tx) error {
		for _, box := range []string{"b-00000001", "b-00000002"} {
			if err := cafe(tx, box, now, occ("A", 1, 1, 0, now, uplink.QualitySync)); err != nil {
				return err
			}
			c, err := tx.NewChain(box, "k3v9Qd2x", make([]byte, 32), make([]byte, 32), now)
			if err != nil {
				return err
			}
			bodies := [][]byte{nightRecord(uplink.StageAlert, nil)}
			for n := range 6 {
				d := &uplink.Dispute{Stamp: at, Night: "2026-11-24", Stage: uplink.StageAlert, Seq: 1, Note: fmt.Sprint(hostile, n)}
				r, err := uplink.Encode(d)
				if err != nil {
					return err
				}
				if box == "b-00000002" {
					bodies = append(bodies, r.Raw)
				}
			}
			for n, body := range bodies {
				seq := uint64(n + 1)
				if err := tx.Insert(c, []store.Record{{Seq: seq, Hash: make([]byte, 32), Body: body}}, now); err != nil {
					return err
				}
				err := tx.Night(c, seq, "2026-11-24", uplink.StageAlert)
				if n > 0 {
					err = tx.Dispute(c, seq, "2026-11-24")
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	page, _ := fetch(t, h.URL)
	list := page[strings.Index(page, `id="nights"`):strings.Index(page, `id="newest"`)]
	first, second, _ := strings.Cut(list, "<h3>b-00000002</h3>")
	if strings.Contains(first, "dispute") {
		t.Errorf("the night of another café is disputed: %s", first)
	}
	if n := strings.Count(second, `<p class="dispute">`); n != 4 {
		t.Errorf("%d disputes of the night, want the first four", n)
	}
	note := template.HTMLEscapeString(hostile) + "0"
	if !strings.Contains(second, vietnamese.Disputed) || !strings.Contains(second, "<q>"+note+"</q>") {
		t.Errorf("no %q, said as the owner said it, in %s", note, second)
	}
	if strings.Contains(page, "<script>alert") {
		t.Error("the owner's words are a script")
	}
}
