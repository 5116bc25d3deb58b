package proof

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/ledger"
	"cafeprobe/firmware/sheet"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

const night = hours.Date(20780) // 23 November 2026

// site is a box with a real spool.
type site struct {
	t        testing.TB
	id       spool.Identity
	province ed25519.PrivateKey
	sp       *spool.Spool
	profile  hours.Profile
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, province: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))}
	s.id = spool.Identity{ // always the same, as every process that fuzzes needs it
		Address: uplink.Address{Province: "ha-giang", Box: "b-7f3a91c2"}, Chain: "k3v9Qd2x", Secret: [32]byte{1},
		Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, 32)), ProvinceKey: s.province.Public().(ed25519.PublicKey),
	}
	var err error
	if s.sp, err = spool.Open(t.TempDir(), s.id, spool.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.sp.Close() })
	if s.profile, err = hours.NewProfile(hours.Game, hours.Window{}, hours.Grace); err != nil {
		t.Fatal(err)
	}
	s.put(&uplink.Boot{Stamp: s.at(18), Firmware: "1"}, &uplink.Vantage{Stamp: s.at(18.05), Class: "A", Confidence: 97, Why: "mirror"})
	return s
}

// at is a time of hours behind the midnight before the night.
func (s *site) at(h float64) uplink.Stamp {
	d := time.Duration(h * float64(time.Hour))
	return uplink.Stamp{Mono: uplink.Int(d.Milliseconds()), Time: uplink.TimeOf(night.Start().Add(d)), Quality: uplink.QualitySync}
}

func (s *site) put(list ...uplink.Body) {
	s.t.Helper()
	for _, b := range list {
		r, err := uplink.Encode(b)
		if err == nil {
			_, err = s.sp.Append(r)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.sp.Commit(); err != nil {
		s.t.Fatal(err)
	}
}

// lives has the box say that it lives, each hour from one to another.
func (s *site) lives(from, to float64) {
	for h := from; h <= to; h++ {
		s.put(&uplink.Anchor{Stamp: s.at(h), Source: "ntp", Error: 12})
	}
}

var station = uplink.NewStationID([32]byte{1}, [6]byte{1})

func (s *site) used(from, to float64) {
	s.put(
		&uplink.Open{Station: station, Stamp: s.at(from), Confidence: 95, Of: uplink.OfUse},
		&uplink.Close{
			Station: station, Stamp: s.at(to), Cause: uplink.CauseIdleTimeout, Confidence: 95, Duration: uplink.Int((to - from) * 3600),
			Began: s.at(from).Time, Of: uplink.OfUse,
		},
	)
}

// source returns what a proof is made of, with a receipt of the province for the last record.
func (s *site) source() *Source {
	s.t.Helper()
	l := ledger.New(s.profile)
	rs, err := s.sp.Read(1, 1<<20, 1<<30)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range rs {
		l.Take(r)
	}
	first, last, ok := l.Records(night)
	if !ok {
		s.t.Fatal("the night is not known")
	}
	if last == 0 {
		last = s.sp.Head().Seq
	}
	head, _ := s.sp.At(last)
	r := uplink.Receipt{Chain: s.id.Chain, Seq: uplink.Int(last), Hash: head.Hash, Time: s.at(33).Time}.Sign(s.province, s.id.Address)
	return &Source{
		Address: s.id.Address, Chain: s.id.Chain, Key: s.id.Key, ReceiptKey: s.id.ProvinceKey, Profile: s.profile, Records: s.sp,
		First: first, Last: last, Boot: s.sp.Boot(), Now: s.at(60), Receipt: &r,
	}
}

func (s *site) proof() []byte {
	s.t.Helper()
	var b bytes.Buffer
	if err := Write(s.t.Context(), &b, s.source(), night); err != nil {
		s.t.Fatal(err)
	}
	return b.Bytes()
}

// plays are nights, by the verdict that a proof has of them.
var plays = map[string]func(s *site){
	"closed": func(s *site) { s.used(19, 21.5); s.lives(22, 33) },
	"partly": func(s *site) {
		s.lives(22, 24)
		s.put(&uplink.Blind{Stamp: s.at(25), Blind: true, Why: "no-frames"}, &uplink.Blind{Stamp: s.at(25.5), Why: "no-frames"})
		s.lives(26, 33)
	},
	"used": func(s *site) {
		s.used(22.5, 24)
		s.put(&uplink.AfterHours{
			Stamp: s.at(23.5), Night: uplink.Date(night.String()), Stage: uplink.StageAlert, Category: "game", Hours: "22:00-08:00",
			First: s.at(22.5).Time, Last: s.at(23.5).Time, Peak: 1, Minutes: 60, Confidence: 90,
		})
		s.put(&uplink.Dispute{
			Stamp: s.at(24.5), Night: uplink.Date(night.String()), Stage: uplink.StageAlert, Seq: uplink.Int(s.sp.Head().Seq), Note: "Thợ sửa máy",
		})
		s.lives(25, 33)
	},
}

// TestProof: what is written verifies, without the box, as what the box's own ledger says of the night.
func TestProof(t *testing.T) {
	for name, play := range plays {
		s := newSite(t)
		play(s)
		b := s.proof()
		r, err := Verify(bytes.NewReader(b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		st := &r.Statement
		if st.Verdict != name || st.Night != night.String() || st.Box != s.id.Box || !bytes.Equal(r.Key[:], s.id.Public()) ||
			r.Chain.Receipts != 1 || r.Chain.Receipted != r.Chain.Last {
			t.Errorf("%s: %+v of %+v", name, st, r.Chain)
		}
		if name == "closed" && (st.Minutes.Seen != 600 || st.InUse != 0) || name == "partly" && st.Minutes.Blind != 30 ||
			name == "used" && (st.InUse != 90 || len(st.Alerts) != 1 || st.Alerts[0].Disputes != 1) {
			t.Errorf("%s: %+v", name, st)
		}
		if again := s.proof(); !bytes.Equal(again, b) {
			t.Errorf("%s: the same proof is written in two ways", name)
		}
	}
}

// TestRefused: a proof of which an octet is changed, that is cut, or that something is put into or behind, is refused.
func TestRefused(t *testing.T) {
	s := newSite(t)
	plays["closed"](s)
	good := s.proof()
	f := func(name string, b []byte) {
		t.Helper()
		if _, err := Verify(bytes.NewReader(b)); !errors.Is(err, ErrProof) {
			t.Fatalf("%s: %v, want ErrProof", name, err)
		}
	}
	step := 61
	if os.Getenv("SOAK") != "" {
		step = 1
	}
	for i := 0; i < len(good); i++ {
		if i%step != 0 && i < len(good)-300 && i > 100 {
			continue
		}
		b := bytes.Clone(good)
		b[i] ^= 1
		f("one bit", b)
	}
	for i := range 400 {
		f("cut", good[:len(good)-1-i*len(good)/401])
	}
	f("an octet more", append(bytes.Clone(good), '\n'))
	f("a line more", append(bytes.Clone(good), "%comment\n"...))
	f("another PDF behind it", append(bytes.Clone(good), good...))
	f("nothing", nil)
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	at := bytes.LastIndex(good, []byte(prefix))
	f("another's signature", append(bytes.Clone(good[:at]), seal(good[:at], other)...))
	f("another's signature behind it", append(bytes.Clone(good), seal(good, other)...))
}

// TestLies: a box that signs what its records do not say, or records that are not its chain, is found out.
func TestLies(t *testing.T) {
	s := newSite(t)
	plays["used"](s)
	src := s.source()
	rs, prev, err := src.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	st, n := derive(src.header(prev), s.profile, night, rs, src.Now.Time)
	st.Records.Receipted = src.Receipt.Seq
	records, err := src.export(prev, rs)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(records []byte, change func(*Statement)) error {
		t.Helper()
		lie := *st
		change(&lie)
		text, err := lie.text()
		if err != nil {
			t.Fatal(err)
		}
		pdf, err := draw(&lie, n, s.id.Public(), attached{records, text})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Verify(bytes.NewReader(append(pdf, seal(pdf, s.id.Key)...)))
		return err
	}
	f := func(name string, records []byte, change func(*Statement)) {
		t.Helper()
		if err := verify(records, change); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v, want ErrProof", name, err)
		}
	}
	same := func(*Statement) {}
	if err := verify(records, same); err != nil {
		t.Fatalf("what is no lie: %v", err)
	}
	f("a receipt that is not inside", []byte(strings.Join(strings.SplitAfter(string(records), "\n")[:len(rs)+2], "")), same)
	f("receipted further", records, func(s *Statement) { s.Records.Receipted++ })
	f("another verdict", records, func(s *Statement) { s.Verdict = "closed" })
	f("fewer minutes", records, func(s *Statement) { s.InUse-- })
	f("other hours", records, func(s *Statement) { s.Hours = "23:00-08:00" })
	f("hours that are none", records, func(s *Statement) { s.Hours = "x" })
	f("another night", records, func(s *Statement) { s.Night = (night + 1).String() })
	f("another box", records, func(s *Statement) { s.Box = "b-00000000" })
	lines := strings.SplitAfter(string(records), "\n")
	f("a record less", []byte(strings.Join(append(lines[:3:3], lines[4:]...), "")), same)
	f("no checkpoint", []byte(strings.Join(lines[:len(rs)+1], "")), same)
	f("no records", nil, same)
	forged := strings.Replace(string(records), `"sig":"`, `"sig":"AA`, 1)
	f("a receipt that is none", []byte(forged), same)
}

// holey is a chain of which the record lost cannot be read.
type holey struct {
	*spool.Spool
	lost uint64
}

func (h holey) Read(from uint64, n, octets int) ([]uplink.Stored, error) {
	rs, err := h.Spool.Read(from, n, octets)
	return slices.DeleteFunc(rs, func(r uplink.Stored) bool { return r.Seq == h.lost }), err
}

// TestGaps: a night whose first record says that numbers before it were passed over is proved as any; of one whose records are lost,
// unsaid, nothing is written that would be refused.
func TestGaps(t *testing.T) {
	s := newSite(t)
	if err := s.sp.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.sp, err = spool.Open(t.TempDir(), s.id, spool.Config{Wary: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.sp.Close() })
	s.put(&uplink.Boot{Stamp: s.at(18), Firmware: "1"}, &uplink.Vantage{Stamp: s.at(18.05), Class: "A", Confidence: 97, Why: "mirror"})
	plays["closed"](s)
	x := s.source()
	if x.First = s.sp.Next(1); x.First < 2 {
		t.Fatalf("the chain begins with record %d, want numbers passed over", x.First)
	}
	var b bytes.Buffer
	if err := Write(t.Context(), &b, x, night); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(&b)
	if err != nil || r.Statement.Verdict != "closed" {
		t.Errorf("%v, %+v", err, r)
	}
	x.Records = holey{s.sp, x.Last - 3}
	if err := Write(t.Context(), &b, x, night); !errors.Is(err, ErrNone) {
		t.Errorf("a record is lost: %v, want %v", err, ErrNone)
	}
}

// TestRoom: a night of which there is as much to say as there can be fits the page.
func TestRoom(t *testing.T) {
	s := newSite(t)
	plays["used"](s)
	src := s.source()
	rs, prev, err := src.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	st, n := derive(src.header(prev), s.profile, night, rs, src.Now.Time)
	for range 100 {
		x := Span{From: st.From, To: st.To, Why: strings.Repeat("w", 32)}
		st.Off, st.Blind, st.Lost = append(st.Off, x), append(st.Blind, x), append(st.Lost, Span{From: st.From, To: st.To})
		st.Alerts = append(st.Alerts, Alert{Seq: 1 << 40, Stage: uplink.StageAlert, Peak: 1000, Minutes: 600_000, Disputes: 4})
		st.Maintenance = append(st.Maintenance, Maintenance{st.From, st.To, uplink.ByProvince})
	}
	st.Minutes.Hiding, st.Minutes.Unsure = 600, 600
	p, err := compose(st, n, s.id.Public(), attached{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Y > sheet.PageHeight-sheet.Margin || p.PageCount() != 1 {
		t.Errorf("written down to %.0f mm on %d pages, want %.0f at most", p.Y, p.PageCount(), sheet.PageHeight-sheet.Margin)
	}
	if d := os.Getenv("PROOF"); d != "" {
		if err := p.OutputFileAndClose(filepath.Join(d, "room.pdf")); err != nil {
			t.Error(err)
		}
	}
}

// TestNone: nothing is written of a night that is not over, or whose records are gone.
func TestNone(t *testing.T) {
	f := func(name string, play func(*site), change func(*Source)) {
		t.Helper()
		s := newSite(t)
		play(s)
		src := s.source()
		change(src)
		var b bytes.Buffer
		if err := Write(t.Context(), &b, src, night); !errors.Is(err, ErrNone) || b.Len() > 0 {
			t.Errorf("%s: %v, %d octets", name, err, b.Len())
		}
	}
	s := func(s *site) { s.lives(22, 27) }
	f("it is not over", s, func(x *Source) { x.Now = (&site{}).at(28) })
	f("the time is not known", plays["closed"], func(x *Source) { x.Now = uplink.Stamp{Quality: uplink.QualityNone} })
	f("no such records", plays["closed"], func(x *Source) { x.First, x.Last = 900, 999 })
	f("no hours", plays["closed"], func(x *Source) { x.Profile = hours.Profile{} })
	var b bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	stop()
	site := newSite(t)
	plays["closed"](site)
	if err := Write(ctx, &b, site.source(), night); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not wait: %v", err)
	}
}

// TestPaper: other programs read the page, its words and its attachments. With PROOF set to a folder the pages stay there, to be looked at.
func TestPaper(t *testing.T) {
	for _, tool := range []string{"pdftotext", "pdfdetach", "pdftoppm"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(tool + " is not installed")
		}
	}
	for name, words := range map[string]string{
		"closed": "Đóng cửa: không có máy nào được sử dụng.", "partly": "trong 570 phút quan sát được", "used": "Có dấu hiệu máy được sử dụng",
	} {
		s := newSite(t)
		plays[name](s)
		dir := t.TempDir()
		if d := os.Getenv("PROOF"); d != "" {
			dir = d
		}
		path := filepath.Join(dir, name+".pdf")
		if err := os.WriteFile(path, s.proof(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("pdftotext", "-layout", path, "-").CombinedOutput()
		said := strings.Join(strings.Fields(string(out)), " ")
		if err != nil || !strings.Contains(said, words) || !strings.Contains(said, "không phải kết luận vi phạm") {
			t.Errorf("%s: no %q, %v: %s", name, words, err, out)
		}
		if strings.Count(string(out), "\f") != 1 {
			t.Errorf("%s: more than one page", name)
		}
		list, err := exec.Command("pdfdetach", "-list", path).CombinedOutput()
		if err != nil || !strings.Contains(string(list), recordsName) || !strings.Contains(string(list), statementName) {
			t.Errorf("%s: attachments %s, %v", name, list, err)
		}
	}
}

// FuzzVerify: whatever a file holds, it is refused or verifies, and nothing else happens.
func FuzzVerify(f *testing.F) {
	s := newSite(f)
	plays["closed"](s)
	good := s.proof()
	f.Add(good)
	f.Add([]byte("%PDF-1.7\n%%EOF\n" + prefix + "A B\n"))
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := Verify(bytes.NewReader(b)); err == nil && (!bytes.Equal(b, good) || r.Statement.Box != s.id.Box) {
			t.Errorf("%d octets verify as %+v", len(b), r)
		}
		pdf := append(append([]byte("%PDF-1.3\n"), b...), "%%EOF\n"...) // signed, so that what is behind the signature is reached
		if r, err := Verify(bytes.NewReader(append(pdf, seal(pdf, key)...))); err == nil {
			t.Errorf("a file of noise verifies as %+v", r)
		}
	})
}
