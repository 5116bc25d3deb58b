package owner

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/ledger"
	"cafeprobe/uplink"
	"cafeprobe/uplink/export"
)

// TestNothing: a box of which nothing is known yet has all its pages, and claims nothing.
func TestNothing(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	u := b.user("127.0.0.1").login()
	today := said(u.get("/").body)
	if !strings.Contains(today, "Thiết bị chưa biết gì về lúc này") || !strings.Contains(today, "0 % thời gian đã qua Không quan sát được 11 giờ 30 phút") {
		t.Errorf("today: %s", today)
	}
	if got := said(u.get("/days").body); !strings.Contains(got, "Thiết bị chưa ghi được ngày nào.") {
		t.Errorf("days: %s", got)
	}
	if got := said(u.get("/night/2026-11-26").body); !strings.Contains(got, "Không thấy máy nào được dùng trong 0 phút quan sát được rõ") {
		t.Errorf("a night of which nothing is known: %s", got)
	}
}

// TestToday says what is so now, in words that do not claim more than is known.
func TestToday(t *testing.T) {
	f := func(name, want string, bodies ...func(r *room) uplink.Body) {
		t.Helper()
		r := newRoom(t)
		at := noon().Add(-3 * time.Hour)
		r.put(&uplink.Boot{Stamp: r.stamp(at), Firmware: "1", Why: uplink.BootPower}, &uplink.Roster{
			Stamp: r.stamp(at), Rev: 1, Part: 1, Parts: 1, Stations: []uplink.Member{{Station: station(1), Role: "pc"}, {Station: station(2), Role: "pc"}},
		})
		for _, body := range bodies {
			r.put(body(r))
		}
		b := newBox(t, r).open()
		got := said(b.user("127.0.0.1").login().get("/").body)
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s; want %q", name, got, want)
		}
	}
	ago := func(r *room, m int) uplink.Stamp { return r.stamp(noon().Add(-time.Duration(m) * time.Minute)) }
	sees := func(class string) func(r *room) uplink.Body {
		return func(r *room) uplink.Body { return &uplink.Vantage{Stamp: ago(r, 179), Class: class, Confidence: 90} }
	}
	on := func(i int, of uplink.Of) func(r *room) uplink.Body {
		return func(r *room) uplink.Body {
			return &uplink.Open{Station: station(i), Stamp: ago(r, 90), Confidence: 90, Of: of}
		}
	}
	f("nobody", "Không thấy máy nào bật Số của nửa giờ", sees("A"))
	f("on", "2 máy đang bật Chưa thấy máy nào có dấu hiệu đang được sử dụng.", sees("A"), on(1, ""), on(2, ""))
	f("in use", "1 máy có dấu hiệu đang được sử dụng, 2 máy bật", sees("A"), on(1, ""), on(2, ""), on(1, uplink.OfUse))
	f("blind", "Lúc này không quan sát được Thiết bị không thấy được máy có đang được dùng hay không: không có dữ liệu đi qua.", sees("A"), func(r *room) uplink.Body {
		return &uplink.Blind{Stamp: ago(r, 60), Blind: true, Why: "no-frames"}
	})
	f("just started", "1 máy đang bật Cần khoảng nửa giờ quan sát", func(r *room) uplink.Body {
		return &uplink.Vantage{Stamp: ago(r, 5), Class: "A", Confidence: 90}
	}, func(r *room) uplink.Body { return &uplink.Open{Station: station(1), Stamp: ago(r, 4), Confidence: 90} })
	f("a plain port", "1 máy đang bật Thiết bị không thấy được máy có đang được dùng hay không: cổng thường", sees("C"), on(1, ""))
}

// TestDays: each of the 35 days with its figures and what was told of it.
func TestDays(t *testing.T) {
	b := newBox(t, newRoom(t).lively()).open()
	u := b.user("127.0.0.1").login()
	page := u.get("/days").body
	if n := strings.Count(page, `class="strip"`); n != 35 {
		t.Errorf("%d days, want 35", n)
	}
	for _, want := range []string{"Thứ sáu, 27/11/2026", `href="/night/2026-11-27">Đề nghị kiểm tra`, `href="/night/2026-11-16">Lưu ý`, ">bảo trì<", "quan sát 84"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on the page of days", want)
		}
	}
	if day := said(u.get("/day/2026-11-27").body); !strings.Contains(day, "Đêm thứ sáu, 27/11/2026 (22:00–08:00) Đề nghị kiểm tra Có máy") {
		t.Errorf("a day with an alert: %s", day)
	}
	day := said(u.get("/day/2026-11-25").body)
	for _, want := range []string{"Thứ tư, 25/11/2026", "09:05 – 11:11 Không quan sát được: cổng mạng mất kết nối (2 giờ 6 phút)", "Ngày trước", "Ngày sau"} {
		if !strings.Contains(strings.ReplaceAll(day, "–", " – "), strings.ReplaceAll(want, "–", " – ")) && !strings.Contains(day, want) {
			t.Errorf("no %q on the page of a day: %s", want, day)
		}
	}
	day = said(u.get("/day/2026-11-20").body)
	if !strings.Contains(day, "Thiết bị không hoạt động: mất điện hoặc rút điện (3 giờ 15 phút)") || !strings.Contains(day, "Không có bản ghi nào (30 phút)") || !strings.Contains(day, "84 % thời gian đã qua") {
		t.Errorf("a day without power: %s", day)
	}
	weigh(t, u)
}

// TestNight: verdict, alerts with their reasons, in both languages.
func TestNight(t *testing.T) {
	b := newBox(t, newRoom(t).lived(4)).open()
	u := b.user("127.0.0.1").login()
	f := func(path string, want ...string) {
		t.Helper()
		got := said(u.get(path).body)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in %s", path, w, got)
			}
		}
	}
	f("/night/2026-11-27?lang=vi", "Đêm thứ sáu, 27/11/2026", "Có máy có dấu hiệu được sử dụng: nhiều nhất 4 máy cùng lúc", "Đề nghị kiểm tra",
		"Vì sao: có từ hai máy trở lên được dùng cùng lúc trong 10 phút liền", "độ tin cậy 91", "Tải giấy xác nhận (PDF)",
		"Thông tin phục vụ kiểm tra, không phải kết luận vi phạm.", "Bạn không đồng ý?")
	f("/night/2026-11-27?lang=en", "Night of Friday, 27/11/2026", "Stations appear to have been in use: at most 4 at once", "Inspection suggested",
		"Why: two stations or more were in use at once for 10 minutes in a row", "Download the proof (PDF)",
		"Information for inspection, not a finding of an offence.")
	f("/night/2026-11-25", "The whole night was seen, and no station was in use.", "Nothing was told.")
	f("/night/2026-11-28", "The night is not over.", "come back half an hour after its end")
	if a := u.get("/night/2026-11-28/proof.pdf"); a.code != http.StatusNotFound {
		t.Errorf("a proof of a night to come: %d", a.code)
	}
	a := u.get("/night/2026-11-27/proof.pdf")
	if a.code != http.StatusOK || a.header.Get("Content-Type") != "application/pdf" || a.body != "%PDF-1.7 2026-11-27" ||
		a.header.Get("Content-Disposition") != `attachment; filename="cafeprobe-b-0c1d2e3f-2026-11-27.pdf"` {
		t.Errorf("proof: %d %v %.40q", a.code, a.header, a.body)
	}
}

// lastNight returns the records of the night of 27 November.
func lastNight(b *box) []ledger.Alert { return b.room.Night(today-1, noon()).Alerts }

// TestDispute: an objection is a record, as it was written, and shown as text whatever is in it.
func TestDispute(t *testing.T) {
	b := newBox(t, newRoom(t).lived(2)).open()
	u := b.user("127.0.0.1").login()
	seq := fmt.Sprint(lastNight(b)[1].Seq)
	hostile := "Máy 3 đang cài lại\r\n<script>alert(1)</script> \"><img src=x onerror=alert(2)> {{.}} \u202egnp.exe & 'x'"
	a := u.post("/night/2026-11-27", "seq", seq, "note", hostile)
	if a.code != http.StatusSeeOther || a.location != "/night/2026-11-27?done=dispute" {
		t.Fatalf("%d to %q: %s", a.code, a.location, said(a.body))
	}
	got := lastNight(b)[1].Disputes
	clean := `Máy 3 đang cài lại <script>alert(1)</script> "><img src=x onerror=alert(2)> {{.}} gnp.exe & 'x'`
	if len(got) != 1 || got[0].Note != clean {
		t.Fatalf("in the chain: %+v", got)
	}
	page := u.get("/night/2026-11-27?done=dispute").body
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") || !strings.Contains(page, "&lt;script&gt;alert(1)") {
		t.Error("the note is markup")
	}
	if !strings.Contains(said(page), "Đã ghi ý kiến của bạn vào chuỗi bản ghi.") {
		t.Errorf("the page does not say so: %s", said(page))
	}
	f := func(name, seq, note string, want int) {
		t.Helper()
		if a := u.post("/night/2026-11-27", "seq", seq, "note", note); a.code != want {
			t.Errorf("%s: %d, want %d: %s", name, a.code, want, said(a.body))
		}
	}
	f("another record", "1", "x", http.StatusUnprocessableEntity)
	f("no number", "x", "x", http.StatusUnprocessableEntity)
	f("empty", seq, " \r\n\u200b ", http.StatusUnprocessableEntity)
	f("too long", seq, strings.Repeat("ế", 501), http.StatusUnprocessableEntity)
	f("as long as may be", seq, strings.Repeat("ế", 500), http.StatusSeeOther)
	f("third", seq, "x", http.StatusSeeOther)
	f("fourth", seq, "x", http.StatusSeeOther)
	f("fifth", seq, "x", http.StatusTooManyRequests)
	if n := len(lastNight(b)[1].Disputes); n != 4 {
		t.Errorf("%d in the chain, want 4", n)
	}
	if strings.Contains(u.get("/night/2026-11-27").body, "<textarea") {
		t.Error("a form for an objection that is not taken")
	}
	if a := u.post("/night/2026-11-29", "seq", seq, "note", "x"); a.code != http.StatusNotFound {
		t.Errorf("tomorrow's night: %d", a.code)
	}
}

// TestDisputeKeepsDraft: what somebody wrote is not lost when it could not be taken.
func TestDisputeKeepsDraft(t *testing.T) {
	b := newBox(t, newRoom(t).lived(2)).open()
	u := b.user("127.0.0.1").login()
	seq := fmt.Sprint(lastNight(b)[0].Seq)
	b.room.refuse = errors.New("spool: full")
	a := u.post("/night/2026-11-27", "seq", seq, "note", "Quán đã đóng </textarea><b>")
	if a.code != http.StatusServiceUnavailable || !strings.Contains(a.body, "Quán đã đóng &lt;/textarea&gt;&lt;b&gt;</textarea>") {
		t.Errorf("%d: %s", a.code, said(a.body))
	}
	b.room.refuse = ErrMany
	if a := u.post("/night/2026-11-27", "seq", seq, "note", "x"); a.code != http.StatusTooManyRequests {
		t.Errorf("refused by the box: %d", a.code)
	}
}

// TestDisputesOfADay: sixteen a day, over all nights, counted also where the book is behind.
func TestDisputesOfADay(t *testing.T) {
	b := newBox(t, newRoom(t))
	n := ledger.Night{Date: today - 1}
	now := noon()
	for i := range dayDisputes {
		b.said.list = append(b.said.list, objection{today - 2 - hours.Date(i), now.Add(-time.Hour)})
	}
	if got := b.left(&n, now); got != 0 {
		t.Errorf("%d left behind 16, want none", got)
	}
	if got := b.left(&n, now.Add(24*time.Hour)); got != nightDisputes {
		t.Errorf("%d left a day later, want %d", got, nightDisputes)
	}
	b.said.list = []objection{{today - 1, now}}
	if got := b.left(&n, now); got != nightDisputes-1 {
		t.Errorf("%d left behind one of the night, want %d", got, nightDisputes-1)
	}
}

// TestMaintenance: declared beforehand, four a month, shown with who declared it.
func TestMaintenance(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	u := b.user("127.0.0.1").login()
	f := func(name, from, to, want string) {
		t.Helper()
		a := u.post("/maintenance", "from", from, "to", to)
		got := a.location
		if a.code != http.StatusSeeOther {
			got = said(a.body)
		}
		if !strings.Contains(got, want) || want == "" {
			t.Errorf("%s: %d %s, want %q", name, a.code, got, want)
		}
	}
	f("none", "", "", "Hãy điền cả ngày và giờ")
	f("no time", "2026-11-28T22:00", "x", "Hãy điền cả ngày và giờ")
	f("backwards", "2026-11-28T23:00", "2026-11-28T22:00", "Lúc kết thúc phải sau lúc bắt đầu.")
	f("nothing long", "2026-11-28T23:00", "2026-11-28T23:00", "Lúc kết thúc phải sau lúc bắt đầu.")
	f("too long", "2026-11-28T22:00", "2026-12-05T22:01", "dài nhất bảy ngày")
	f("over", "2026-11-28T11:49", "2026-11-28T14:00", "Bảo trì phải báo trước")
	f("years away", "2030-11-28T22:00", "2030-11-28T23:00", "31 ngày tới")
	if n := len(b.room.Day(today, noon()).Maintenance); n != 0 {
		t.Fatalf("%d in the chain", n)
	}
	f("first", "2026-11-28T11:55", "2026-11-28T14:00", "done=maintenance")
	f("second", "2026-11-28T22:00", "2026-11-29T02:00", "done=maintenance")
	f("third", "2026-11-29T22:00", "2026-11-30T02:00", "done=maintenance")
	f("fourth, into December", "2026-11-30T22:00", "2026-12-01T02:00", "done=maintenance")
	f("fifth", "2026-11-30T05:00", "2026-11-30T06:00", "Tháng đó đã báo đủ 4 lần.")
	f("of December", "2026-12-02T05:00", "2026-12-02T06:00", "done=maintenance")
	b.room.put(&uplink.Maintenance{Stamp: b.room.stamp(noon()), From: uplink.TimeOf(noon()), To: uplink.TimeOf(noon().Add(time.Hour)), By: uplink.ByProvince})
	page := said(u.get("/maintenance").body)
	for _, want := range []string{
		"Tháng 11/2026: đã báo 5 lần, còn 0 lần.", "Tháng 12/2026: đã báo 1 lần, còn 3 lần.", "22:00 30/11/2026 – 02:00 01/12/2026 bạn báo · bản ghi số 4",
		"tỉnh báo · bản ghi số 6",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in %s", want, page)
		}
	}
	b.room.refuse = errors.New("spool: closed")
	f("a card that takes nothing", "2026-12-03T05:00", "2026-12-03T06:00", "chưa ghi được vào chuỗi")
	if a := u.post("/maintenance", "from", "2026-12-03T05:00", "from", "2026-12-04T05:00", "to", "2026-12-03T06:00"); a.code != http.StatusUnprocessableEntity {
		t.Errorf("two starts: %d", a.code)
	}
}

// TestData: the chain that is downloaded verifies, and the table has the figures of the pages.
func TestData(t *testing.T) {
	b := newBox(t, newRoom(t).lived(5)).open()
	u := b.user("127.0.0.1").login()
	a := u.get("/data/records.jsonl")
	report, err := export.Verify(strings.NewReader(a.body))
	if a.code != http.StatusOK || err != nil || !report.Sound() || report.Last != b.room.spool.Head().Seq {
		t.Errorf("%d, %+v, %v", a.code, report, err)
	}
	a = u.get("/data/days.csv")
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil || len(rows) != 6 || a.header.Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Fatalf("%d rows, %v, %v", len(rows), err, a.header)
	}
	want := map[string]string{"date": "2026-11-25", "minutes_blind": "126", "minutes_seen": "1314", "minutes_off": "0", "alerts": "0"}
	for i, name := range rows[0] {
		if w, ok := want[name]; ok && rows[4][i] != w {
			t.Errorf("%s of %s: %s, want %s", name, rows[4][0], rows[4][i], w)
		}
	}
}

// TestGive: a file is written once at a time; an error before it is a page, one within it is no whole file.
func TestGive(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	u, v := b.user("127.0.0.1").login(), b.user("127.0.0.2").login()
	begun, end := make(chan struct{}), make(chan struct{})
	b.cfg.Export = func(_ context.Context, w io.Writer) error {
		close(begun)
		<-end
		_, err := io.WriteString(w, "x\n")
		return err
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		if a := u.get("/data/records.jsonl"); a.code != http.StatusOK || a.body != "x\n" {
			t.Errorf("the first: %d %q", a.code, a.body)
		}
	})
	<-begun
	if a := v.get("/data/days.csv"); a.code != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("a second at once: %d", a.code)
	}
	close(end)
	wait.Wait()
	b.cfg.Export = func(context.Context, io.Writer) error { return errors.New("spool: closed") }
	if a := v.get("/data/records.jsonl"); a.code != http.StatusServiceUnavailable || !strings.Contains(a.body, "<h1>") {
		t.Errorf("an error at once: %d", a.code)
	}
	b.cfg.Export = func(_ context.Context, w io.Writer) error {
		_, _ = w.Write(bytes.Repeat([]byte("x"), 100<<10))
		return errors.New("spool: a file cannot be read")
	}
	res, err := v.http.Do(v.request("GET", "/data/records.jsonl", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("a part of a file looks whole")
	}
}

// TestLanguage: Vietnamese first; the link's choice stays.
func TestLanguage(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	u := b.user("127.0.0.1")
	f := func(path, want string) {
		t.Helper()
		if a := u.get(path); !strings.Contains(a.body, `<html lang="`+want+`">`) {
			t.Errorf("%s: not in %s: %.80q", path, want, a.body)
		}
	}
	f("/login", "vi")
	f("/login?lang=fr", "vi")
	f("/login?lang=en", "en")
	f("/login", "en")
	f("/login?lang=vi", "vi")
	f("/login", "vi")
}

// weigh: a page is small, and two requests: itself and its style (the icon comes once).
func weigh(t *testing.T, u *user) {
	t.Helper()
	for path, most := range map[string]int{
		"/": 24 << 10, "/days": 64 << 10, "/night/2026-11-27": 24 << 10, "/privacy": 64 << 10, "/maintenance": 12 << 10, stylePath: 16 << 10, iconPath: 1 << 10,
	} {
		a := u.get(path)
		if a.code != http.StatusOK || len(a.body) > most {
			t.Errorf("%s: %d, %d octets, want %d at most", path, a.code, len(a.body), most)
		}
		if n := strings.Count(a.body, "src=") + strings.Count(a.body, "<link"); n != 2 && strings.HasPrefix(a.body, "<!doctype") {
			t.Errorf("%s asks for %d files", path, n)
		}
		t.Logf("%s: %d octets", path, len(a.body))
	}
}

// TestConfig: what New refuses.
func TestConfig(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("a Config of nothing is taken")
	}
}

// TestLost: what the chain says is missing in it, in words.
func TestLost(t *testing.T) {
	r := newRoom(t)
	at := r.stamp(noon().Add(-time.Hour))
	r.put(&uplink.Boot{Stamp: at, Firmware: "1", Why: uplink.BootPower},
		&uplink.Gap{Stamp: at, Count: 1234, Why: "full", Kinds: []uplink.GapKind{{Kind: uplink.KindTitle, Count: 1234}}},
		&uplink.Gap{Stamp: at, From: 7, To: 4102, Why: uplink.GapCut},
		&uplink.Fork{Stamp: at, At: 1<<53 - 1, Theirs: uplink.Hash{1}})
	b := newBox(t, r).open()
	got := said(b.user("127.0.0.1").login().get("/").body)
	for _, want := range []string{
		"11:00: 1.234 bản ghi bị mất, lý do: thẻ nhớ đầy.", "11:00: các số bản ghi 7 đến 4.102 không được dùng; không có dấu hiệu mất bản ghi.",
		"11:00: thẻ nhớ khác với dữ liệu của tỉnh từ bản ghi 9.007.199.254.740.991.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}

// TestNoProof: a box that writes no proof offers none.
func TestNoProof(t *testing.T) {
	b := newBox(t, newRoom(t).lived(2), func(s *Server) { s.cfg.Proof = nil }).open()
	u := b.user("127.0.0.1").login()
	path := "/night/" + (today - 1).String()
	if a := u.get(path); a.code != http.StatusOK || strings.Contains(a.body, "proof.pdf") {
		t.Errorf("status %d, and a proof is offered: %v", a.code, strings.Contains(a.body, "proof.pdf"))
	}
	if a := u.get(path + "/proof.pdf"); a.code != http.StatusNotFound {
		t.Errorf("the proof: status %d", a.code)
	}
}
