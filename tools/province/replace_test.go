package province_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cafeprobe/tools/province"
	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/tools/province/replace"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/export"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// device is a real box: its card, its certificate, and what sends its records.
type device struct {
	t    *testing.T
	dir  string
	id   spool.Identity
	addr string
	tls  *credential.Credential
	sp   *spool.Spool
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// newDevice makes a box of an empty card and enrols it with code.
func newDevice(t *testing.T, g *ground, p *province.Province, box uplink.BoxID, code string) *device {
	t.Helper()
	id, err := spool.NewIdentity(at(box), p.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	d := &device{t: t, dir: t.TempDir(), id: id, addr: g.addr}
	folder := filepath.Join(d.dir, "tls")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, credential.CAFile), g.ca.Root(), 0o600)); err != nil {
		t.Fatal(err)
	}
	if d.tls, err = credential.Open(folder, credential.Config{Box: box, Key: id.Public(), Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	if err := d.tls.Enroll(t.Context(), p.EnrollURL(), code); err != nil {
		t.Fatal(err)
	}
	return d
}

// power lets the box run, and unplug ends that, as a power cut does.
func (d *device) power() {
	d.t.Helper()
	var err error
	if d.sp, err = spool.Open(d.dir, d.id, spool.Config{Interval: 20 * time.Millisecond}); err != nil {
		d.t.Fatal(err)
	}
	fw := forward.New(d.sp, forward.Config{
		Broker: "ssl://" + d.addr, TLS: d.tls.TLS(), Retry: 50 * time.Millisecond, Lag: 500 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(d.t.Output(), nil)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	d.wg.Go(func() { fw.Run(ctx) })
	d.wg.Go(func() { _ = d.sp.Run(ctx) }) // its error is one of the card, which Commit would have told
	d.stop = sync.OnceFunc(func() {
		cancel()
		d.wg.Wait()
		if err := d.sp.Close(); err != nil {
			d.t.Error(err)
		}
	})
	d.t.Cleanup(d.stop)
}

func (d *device) unplug() { d.stop() }

// night tells stage of the night of 24 November.
func (d *device) night(stage string) {
	d.t.Helper()
	d.write(&uplink.AfterHours{
		Stamp: uplink.Stamp{Quality: uplink.QualityNone}, Night: "2026-11-24", Stage: stage, Category: "game", Hours: "22:00-08:00",
		First: 1795000000000, Last: 1795002000000, Peak: 4, Minutes: 131, Confidence: 91,
	})
}

// write puts records onto the card.
func (d *device) write(bodies ...uplink.Body) {
	d.t.Helper()
	for _, b := range bodies {
		r, err := uplink.Encode(b)
		if err != nil {
			d.t.Fatal(err)
		}
		if _, err := d.sp.Append(r); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := d.sp.Commit(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) receipted() {
	d.t.Helper()
	await(d.t, "receipt for all", func() bool { return d.sp.Receipted() == d.sp.Head() })
}

func sight(class string) uplink.Body {
	return &uplink.Vantage{Stamp: uplink.Stamp{Quality: uplink.QualityNone}, Class: class, Confidence: 90}
}

func label(id spool.Identity) string {
	return fmt.Sprintf("cafeprobe 1 %s %x", id.Box, sha256.Sum256(id.Public()))
}

// office is an officer's program beside the province: a CA and a store of its own over the same files.
type office struct {
	t   *testing.T
	dir string
}

func (o office) open(f func(c *ca.CA, s *store.Store)) {
	o.t.Helper()
	c, err := ca.Open(filepath.Join(o.dir, province.CADir), "", ca.Config{})
	if err != nil {
		o.t.Fatal(err)
	}
	defer c.Close()
	s, _, err := province.OpenBeside(o.dir)
	if err != nil {
		o.t.Fatal(err)
	}
	defer s.Close()
	f(c, s)
}

func (o office) claim(box uplink.BoxID) (code string) {
	o.t.Helper()
	o.open(func(c *ca.CA, _ *store.Store) {
		var err error
		if code, err = c.NewClaim(box, 0, false); err != nil {
			o.t.Fatal(err)
		}
	})
	return code
}

func (o office) replace(text string, fresh uplink.BoxID) (d replace.Done, err error) {
	o.t.Helper()
	l, err := replace.ParseLabel(text)
	if err != nil {
		return d, err
	}
	o.open(func(c *ca.CA, s *store.Store) {
		d, err = replace.Do(o.t.Context(), c, s, replace.Order{Label: l, New: fresh, By: "Lân", Why: "cháy nguồn", Now: time.Now()})
	})
	return d, err
}

func (o office) replacements() (all []store.Replacement) {
	o.t.Helper()
	o.open(func(_ *ca.CA, s *store.Store) {
		var err error
		if all, err = s.Replacements(o.t.Context()); err != nil {
			o.t.Fatal(err)
		}
	})
	return all
}

// cafe exports the café of box and verifies it.
func (o office) cafe(box uplink.BoxID) (text string, c *export.Cafe) {
	o.t.Helper()
	s, key, err := province.OpenBeside(o.dir)
	if err != nil {
		o.t.Fatal(err)
	}
	defer s.Close()
	var b bytes.Buffer
	if _, err := province.ExportCafe(o.t.Context(), &b, s, at(box), key); err != nil {
		o.t.Fatal(err)
	}
	if c, err = export.VerifyCafe(bytes.NewReader(b.Bytes())); err != nil {
		o.t.Fatal(err)
	}
	return b.String(), c
}

func page(t *testing.T, p *province.Province) string {
	t.Helper()
	r, err := http.Get(p.WebURL())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// swapGrounds runs f on both brokers, with a province that runs.
func swapGrounds(t *testing.T, f func(t *testing.T, g *ground, p *province.Province, o office)) {
	grounds(t, func(t *testing.T, g *ground) {
		dir := filepath.Dir(g.caDir)
		p := g.province
		if p == nil {
			p, _ = provincetest.Run(t, province.Config{
				Dir: dir, Province: "demo", Broker: "ssl://" + g.addr, Secure: &province.Secure{}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
			})
		}
		f(t, g, p, office{t, dir})
	})
}

// TestReplace: a box dies in the night, another is put into its place, and the café goes on: one card, one night, two chains that
// anybody can see to be one café's. The dead box is powered again with records that it had not sent: refused, and told of.
func TestReplace(t *testing.T) {
	swapGrounds(t, func(t *testing.T, g *ground, p *province.Province, o office) {
		o.open(func(_ *ca.CA, s *store.Store) {
			if err := s.Update(func(tx *store.Tx) error {
				return tx.SetSites(map[string]store.Site{string(boxA): {Name: "Quán Hoa Sữa"}})
			}); err != nil {
				t.Fatal(err)
			}
		})
		dead := newDevice(t, g, p, boxA, o.claim(boxA))
		dead.power()
		dead.write(sight("A"), sight("A+"))
		dead.night(uplink.StageAlert)
		dead.receipted()
		end := dead.sp.Head()
		dead.unplug()

		done, err := o.replace(strings.ToUpper(label(dead.id))+"\r\n", boxB) // as a scanner with Caps Lock types it
		if err != nil || done.Again || done.OldChain.Head != end.Seq || done.Site.Name != "Quán Hoa Sữa" || done.Known != store.ByLabel {
			t.Fatalf("%+v, %v, want the end of the old chain and the café", done, err)
		}
		await(t, "the revocation", func() bool { st, _ := p.CA().Box(boxA); return !st.Live })
		fresh := newDevice(t, g, p, boxB, done.Code)
		fresh.power()
		fresh.night(uplink.StageWatch)
		fresh.receipted()

		r := o.replacements()[0]
		if r.NewChain.Name != string(fresh.id.Chain) || r.OldChain.Name != string(dead.id.Chain) || !r.Returned.IsZero() {
			t.Errorf("%+v, want both chains linked, and nobody back", r)
		}
		text := page(t, p)
		cards, nights, _ := strings.Cut(text, `id="nights"`)
		nights, _, _ = strings.Cut(nights, `id="newest"`)
		if strings.Count(cards, "<h3>Quán Hoa Sữa</h3>") != 1 || strings.Contains(cards, "<h3>"+string(boxA)) || !strings.Contains(cards, "Thiết bị được thay ngày ") {
			t.Errorf("the café's card: %s", cards)
		}
		if strings.Count(nights, "<h3>Quán Hoa Sữa</h3>") != 1 || strings.Count(nights, `class="alert"`) != 1 {
			t.Errorf("the night of the change is not told once: %s", nights)
		}

		file, cafe := o.cafe(boxA)
		if !cafe.Sound() || len(cafe.Links) != 1 || cafe.Links[0].Old.Head != end || cafe.Links[0].By != "Lân" || cafe.Chains[1].Header.Box != boxB {
			t.Errorf("the café's export: %+v, want two chains and a link at %d", cafe, end.Seq)
		}
		forged := strings.Replace(file, `cháy nguồn`, `cháy nguốn`, 1)
		if bad, err := export.VerifyCafe(strings.NewReader(forged)); forged == file || err != nil || bad.Sound() {
			t.Errorf("with another reason: %+v, %v, want it refused", bad, err)
		}

		stored := func() (n uint64) {
			totals, err := p.Totals(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return totals.Stored
		}
		before := stored()
		dead.power()
		dead.write(sight("C"), sight("C"))
		await(t, "word that the dead box is back", func() bool { return !o.replacements()[0].Returned.IsZero() })
		if dead.sp.Receipted() != end || stored() != before {
			t.Errorf("the dead box has a receipt for %d, and the province %d records more", dead.sp.Receipted().Seq, stored()-before)
		}
		dead.unplug()
		if text := page(t, p); !strings.Contains(text, "Thiết bị đã được thay (b-0000000a) tìm cách kết nối lại lúc ") {
			t.Errorf("the page does not say that the dead box is back: %s", text)
		}
		g.reread(t)
		await(t, "refusal at the broker", func() bool {
			c, err := g.dial(t, boxA, dead.tls.TLS(), nil)
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		if _, cafe := o.cafe(boxB); !cafe.Sound() || cafe.Links[0].Later != 0 {
			t.Errorf("the café's export after that: %+v", cafe)
		}
	})
}

// TestReplaceRefuses: each order that cannot be carried out is refused and changes nothing.
func TestReplaceRefuses(t *testing.T) {
	g := embedded(t)
	p, o := g.province, office{t, filepath.Dir(g.caDir)}
	a := newDevice(t, g, p, boxA, o.claim(boxA))
	b := newDevice(t, g, p, boxB, o.claim(boxB))
	const fresh = uplink.BoxID("b-0000000c")
	f := func(what, text string, box uplink.BoxID, want error) {
		t.Helper()
		before := len(o.replacements())
		if d, err := o.replace(text, box); !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v, want %v", what, d, err, want)
		}
		if n := len(o.replacements()); n != before {
			t.Errorf("%s: %d replacements, want %d", what, n, before)
		}
		for _, d := range []*device{a, b} {
			if st, ok := p.CA().Box(d.id.Box); !ok || !st.Live {
				t.Errorf("%s: %s has lost its certificate", what, d.id.Box)
			}
		}
	}
	f("no label", "cafeprobe 1 b-0000000a", fresh, replace.ErrLabel)
	f("a label with the Vietnamese keyboard on", strings.Replace(label(a.id), "cafe", "càe", 1), fresh, replace.ErrLabel)
	f("a label of a later version", strings.Replace(label(a.id), " 1 ", " 2 ", 1), fresh, replace.ErrLabel)
	f("too long", strings.Repeat("x", 1000), fresh, replace.ErrLabel)
	f("another box's key", strings.Replace(label(b.id), string(boxB), string(boxA), 1), fresh, replace.ErrKey)
	f("a box that never enrolled", "b-0000000f", fresh, replace.ErrUnknown)
	f("a new box that is in use", label(a.id), boxB, replace.ErrUsed)
	f("a new box that is none", label(a.id), "b-1", replace.ErrUsed)
	promised := uplink.BoxID("b-0000000d")
	o.claim(promised)
	f("a new box that has a code already", label(a.id), promised, replace.ErrUsed)

	if _, err := o.replace(label(a.id), fresh); err != nil {
		t.Fatal(err)
	}
	await(t, "the revocation", func() bool { st, _ := p.CA().Box(boxA); return !st.Live })
	again := func(what, text string, box uplink.BoxID, want error) {
		t.Helper()
		if d, err := o.replace(text, box); !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v, want %v", what, d, err, want)
		}
	}
	again("replaced twice", label(a.id), "b-0000000e", replace.ErrReplaced)
	again("replaced twice, its card", label(a.id), boxA, replace.ErrReplaced)
	again("by the one that replaced another", label(b.id), fresh, replace.ErrUsed)
	again("by one that was replaced", label(b.id), boxA, replace.ErrUsed)
}

// TestReplaceTorn: torn off behind what it changes first, the command is finished when it is given again; and again, with a new
// code, until the new box has enrolled.
func TestReplaceTorn(t *testing.T) {
	g := embedded(t)
	p, o := g.province, office{t, filepath.Dir(g.caDir)}
	a := newDevice(t, g, p, boxA, o.claim(boxA))
	a.power()
	a.write(sight("A"))
	a.receipted()
	o.open(func(_ *ca.CA, s *store.Store) { // as far as it came: the register knows nothing of it
		err := s.Update(func(tx *store.Tx) error {
			_, err := tx.Replace(store.Replacement{Old: string(boxA), New: string(boxB), At: time.Now(), By: "Lân", Known: store.ByLabel})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	if st, _ := p.CA().Box(boxA); !st.Live {
		t.Fatal("the old box has no certificate: nothing was torn")
	}
	first, err := o.replace(label(a.id), boxB)
	if err != nil || !first.Again || first.By != "Lân" {
		t.Fatalf("again: %+v, %v, want it finished", first, err)
	}
	await(t, "the revocation", func() bool { st, _ := p.CA().Box(boxA); return !st.Live })
	second, err := o.replace(string(boxA), boxB)
	if err != nil || !second.Again || second.Code == first.Code {
		t.Fatalf("again: %+v, %v, want another code", second, err)
	}
	o.open(func(c *ca.CA, _ *store.Store) {
		key := newKey(t)
		if _, err := c.Enroll(boxB, first.Code, &key.PublicKey, chainKey()); !errors.Is(err, ca.ErrClaimOver) {
			t.Errorf("the first code: %v, want %v", err, ca.ErrClaimOver)
		}
	})
	b := newDevice(t, g, p, boxB, second.Code)
	if _, err := o.replace(label(a.id), boxB); !errors.Is(err, replace.ErrReplaced) {
		t.Errorf("after the new box has enrolled: %v, want %v", err, replace.ErrReplaced)
	}
	b.power()
	b.write(sight("A"))
	b.receipted()
	if _, cafe := o.cafe(boxB); !cafe.Sound() || len(cafe.Links) != 1 {
		t.Errorf("%+v, want two chains linked", cafe)
	}
	if n := len(o.replacements()); n != 1 {
		t.Errorf("%d replacements, want one", n)
	}
}

// TestReplaceCard: a new card under the same id begins a chain that is linked to the old one's; so is one with a code that was
// given without saying that the card was replaced. The old card is told of when it comes back.
func TestReplaceCard(t *testing.T) {
	g := embedded(t)
	p, o := g.province, office{t, filepath.Dir(g.caDir)}
	old := newDevice(t, g, p, boxA, o.claim(boxA))
	old.power()
	old.write(sight("A"))
	old.receipted()
	old.unplug()
	time.Sleep(1100 * time.Millisecond) // certificates tell when they were issued to the second
	done, err := o.replace(string(boxA), boxA)
	if err != nil || !done.Same() || done.Known != store.ByID {
		t.Fatalf("%+v, %v", done, err)
	}
	card := newDevice(t, g, p, boxA, done.Code)
	card.power()
	card.write(sight("A"), sight("A"))
	card.receipted()
	card.unplug()
	if r := o.replacements()[0]; r.NewChain.Name != string(card.id.Chain) || !r.Returned.IsZero() {
		t.Errorf("%+v, want the new chain and nobody back", r)
	}
	old.power()
	await(t, "word that the old card is back", func() bool { return !o.replacements()[0].Returned.IsZero() })
	old.unplug()

	var code string
	o.open(func(c *ca.CA, _ *store.Store) {
		if code, err = c.NewClaim(boxA, 0, true); err != nil {
			t.Fatal(err)
		}
	})
	third := newDevice(t, g, p, boxA, code)
	third.power()
	third.write(sight("A"))
	third.receipted()
	_, cafe := o.cafe(boxA)
	if !cafe.Sound() || len(cafe.Links) != 2 || cafe.Links[1].By != "" || cafe.Chains[2].Header.Chain != third.id.Chain {
		t.Errorf("%+v, want three chains linked", cafe)
	}
}

// TestReplaceDeadOnArrival: the new box never says a word and is replaced too: the café's chain goes on from the first box's.
func TestReplaceDeadOnArrival(t *testing.T) {
	g := embedded(t)
	p, o := g.province, office{t, filepath.Dir(g.caDir)}
	const last = uplink.BoxID("b-0000000c")
	a := newDevice(t, g, p, boxA, o.claim(boxA))
	a.power()
	a.write(sight("A"))
	a.receipted()
	a.unplug()
	done, err := o.replace(label(a.id), boxB)
	if err != nil {
		t.Fatal(err)
	}
	newDevice(t, g, p, boxB, done.Code) // enrols, and breaks before it says hello
	if done, err = o.replace(string(boxB), last); err != nil {
		t.Fatal(err)
	}
	c := newDevice(t, g, p, last, done.Code)
	c.power()
	c.write(sight("A"))
	c.receipted()
	_, cafe := o.cafe(boxB)
	if !cafe.Sound() || len(cafe.Links) != 1 || cafe.Links[0].Old.Box != boxA || cafe.Links[0].New.Box != last {
		t.Errorf("%+v, want the first box's chain and the last one's, linked", cafe)
	}
}
