package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/tools/lang"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/store"
	"cafeprobe/tools/provision"
	"cafeprobe/uplink"
	"cafeprobe/uplink/fingerprint"
)

// desk is a province's folder, and the boxes that it hears.
type desk struct {
	t     *testing.T
	dir   string
	p     *province.Province
	store *store.Store
	c     *collector.Collector
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, dir: filepath.Join(t.TempDir(), "province")}
	var err error
	if d.p, err = province.New(province.Config{Dir: d.dir, Province: "ha-giang", Secure: &province.Secure{}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := d.p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	var key ed25519.PrivateKey
	if d.store, key, err = province.OpenBeside(d.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.store.Close() })
	d.c, err = collector.New(d.store, collector.Config{Province: "ha-giang", Key: key, Enrolled: func(box uplink.BoxID) (ed25519.PublicKey, bool) {
		if _, err := d.p.CA().Refresh(); err != nil {
			t.Error(err)
		}
		st, ok := d.p.CA().Box(box)
		return st.Key, ok && st.Live
	}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// begin enrols a box with code and lets it say hello and send a record.
func (d *desk) begin(box uplink.BoxID, code string, chain uplink.ChainID, seed byte) ed25519.PublicKey {
	d.t.Helper()
	public := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.p.CA().Enroll(box, code, &key.PublicKey, public); err != nil {
		d.t.Fatal(err)
	}
	a := uplink.Address{Province: "ha-giang", Box: box}
	head := uplink.Head{Hash: uplink.Genesis(chain, public)}
	hello, err := uplink.Marshal(uplink.Hello{V: 1, Chain: chain, First: 1, Hash: head.Hash, Boot: 1, Conn: 1, Key: uplink.Key(public)})
	if err != nil {
		d.t.Fatal(err)
	}
	r, err := uplink.Encode(&uplink.Vantage{Stamp: uplink.Stamp{Quality: uplink.QualityNone}, Class: "A", Confidence: 90})
	if err != nil {
		d.t.Fatal(err)
	}
	batch := &uplink.Batch{Box: box, Chain: chain, Boot: 1, From: 1, Prev: head.Hash, Recs: []uplink.Record{r}, Head: head.Next(1, r).Hash}
	records, err := batch.Append(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	d.handle(a.Topic(uplink.UpHello), hello)
	d.handle(a.Topic(uplink.UpRecords), records)
	return public
}

func (d *desk) handle(topic string, payload []byte) {
	d.t.Helper()
	if _, err := d.c.Handle(time.Now(), collector.Message{Topic: topic, Payload: payload}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) claim(box uplink.BoxID) string {
	d.t.Helper()
	code, err := d.p.CA().NewClaim(box, 0, false)
	if err != nil {
		d.t.Fatal(err)
	}
	return code
}

// set has the province set args on the chain of box, which does it.
func (d *desk) set(box uplink.BoxID, args string) {
	d.t.Helper()
	c, err := d.store.ChainOf(d.t.Context(), string(box), "")
	if err != nil {
		d.t.Fatal(err)
	}
	n, err := collector.Order(d.store, c, uplink.VerbSet, []byte(args), time.Now(), time.Hour)
	if err == nil {
		err = d.store.Update(func(tx *store.Tx) error { return tx.CommandResult(c, n, uplink.ResultDone, "", true) })
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

const (
	deadBox  = "b-00000001"
	freshBox = "b-00000017"
)

// TestReplaceCommand: the label is scanned, and a room file comes out with which the new box becomes the café's, with the café's
// settings, those among them that the province has set since. Its export then shows both chains as one café's.
func TestReplaceCommand(t *testing.T) {
	d := newDesk(t)
	key := d.begin(deadBox, d.claim(deadBox), "k3v9Qd2x", 1)
	d.set(deadBox, `{"cafe":{"category":"agent","silence":"6m0s"}}`)
	d.set(deadBox, `{"cafe":{"category":"game","forbidden":"22:00-08:00"}}`)
	if err := d.store.Update(func(tx *store.Tx) error {
		return tx.SetSites(map[string]store.Site{deadBox: {Name: "Quán Hoa Sữa"}})
	}); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	old, out := filepath.Join(folder, "room.yaml"), filepath.Join(folder, "new.yaml")
	room := `all: {province: ha-giang, broker: "ssl://box.example.vn:8883", enroll: "https://box.example.vn:8443", ca: ca.pem}
boxes:
  - {box: b-00000002, vlan: 7}
  - {box: b-00000001, claim: OLD, category: agent, address: 192.168.1.10/24, gateway: 192.168.1.1, vlan: 30}
`
	if err := os.WriteFile(old, []byte(room), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &replaceCmd{Dir: d.dir, New: freshBox, Reason: "cháy nguồn", By: "Lân", Room: old, Life: time.Hour, Out: out}
	var said bytes.Buffer
	if err := c.run(t.Context(), lang.VI, strings.NewReader(fingerprint.Code(deadBox, key)+"\r\n"), &said); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Quán Hoa Sữa: thiết bị b-00000017 thay cho b-00000001", "chuỗi cũ k3v9Qd2x kết thúc ở bản ghi 1", "cafe.silence",
		"cafeprobe provision --from " + out,
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("no %q in what it says: %s", want, said.String())
		}
	}
	got, err := provision.LoadRoom(out)
	if err != nil {
		t.Fatal(err)
	}
	box, err := got.Box("")
	if err != nil {
		t.Fatal(err)
	}
	code := box.Claim
	if box.ID != freshBox || box.Name != "Quán Hoa Sữa" || box.Category != "game" || box.Forbidden != "22:00-08:00" || box.VLAN != 30 ||
		box.Address != "192.168.1.10/24" || box.Broker != "ssl://box.example.vn:8883" || code == "OLD" {
		t.Errorf("the room file has %+v", box)
	}
	if _, err := box.Files(); err != nil {
		t.Errorf("a box cannot be made of it: %v", err)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v, want a file that nobody else reads: it has a claim code", info.Mode(), err)
	}
	for _, err := range []error{(&claimCmd{Dir: d.dir, Box: deadBox}).Run(), (&roomCmd{Dir: d.dir, Out: out, Boxes: []string{deadBox}}).Run()} {
		if err == nil || !strings.Contains(err.Error(), "was replaced by b-00000017") {
			t.Errorf("a code for a box that was replaced: %v, want a refusal", err)
		}
	}

	d.begin(freshBox, code, "Zp0_q-7a", 2)
	file := filepath.Join(folder, "cafe.jsonl")
	if err := (&exportCmd{officer: officer{Dir: d.dir, Name: "ha-giang", Box: deadBox}, Cafe: true, Out: file}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := (&verifyCmd{File: file}).Run(); err != nil {
		t.Errorf("verify: %v", err)
	}
	if err := (&verifyCmd{File: file, Sign: "x"}).Run(); err == nil {
		t.Error("signatures of another province are taken")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(text, []byte("cháy"))
	text[i] ^= 1
	if err := errors.Join(os.WriteFile(file, text, 0o600), (&verifyCmd{File: file}).Run()); !errors.Is(err, errUnsound) {
		t.Errorf("with one octet changed: %v, want %v", err, errUnsound)
	}
}

// TestReplaceCommandRefuses: what cannot be done is said in the reader's language, with what to do.
func TestReplaceCommandRefuses(t *testing.T) {
	d := newDesk(t)
	key := d.begin(deadBox, d.claim(deadBox), "k3v9Qd2x", 1)
	f := func(what string, change func(*replaceCmd), vi, en string) {
		t.Helper()
		c := &replaceCmd{
			Dir: d.dir, Name: "ha-giang", Label: fingerprint.Code(deadBox, key), New: freshBox, Reason: "x", Broker: "ssl://h:8883", Enroll: "https://h:8443",
			Out: filepath.Join(t.TempDir(), "room.yaml"),
		}
		change(c)
		for l, want := range map[lang.Lang]string{lang.VI: vi, lang.EN: en} {
			err := c.run(t.Context(), l, strings.NewReader("\n"), io.Discard)
			if err == nil || !strings.Contains(lang.Words(err, l), want) {
				t.Errorf("%s: %v, want %q", what, lang.Words(err, l), want)
			}
		}
		if _, err := os.Stat(c.Out); err == nil {
			t.Errorf("%s: a room file was written", what)
		}
	}
	f("nothing scanned", func(c *replaceCmd) { c.Label = "" }, "không đọc được nhãn", "the label cannot be read")
	f("another key", func(c *replaceCmd) { c.Label = fingerprint.Code(deadBox, []byte("x")) }, "khóa trên nhãn", "the key on the label")
	f("an unknown box", func(c *replaceCmd) { c.Label = freshBox }, "chưa từng cấp chứng thư", "never gave this box")
	f("no room", func(c *replaceCmd) { c.Broker = "" }, "thêm --room", "give --room")
	f("two lines", func(c *replaceCmd) { c.Reason = "a\nb" }, "trên một dòng", "one short line")
	f("a new box that is none", func(c *replaceCmd) { c.New = "b-17" }, "chọn một mã", "take one")
}
