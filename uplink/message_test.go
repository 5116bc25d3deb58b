package uplink

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func roundTrip[M message](t *testing.T, file string, m M) {
	t.Helper()
	p, err := Marshal(m)
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	golden(t, file, p)
	if back, err := Parse[M](p); err != nil || !reflect.DeepEqual(back, m) {
		t.Errorf("%s reads back as %+v, %v, want %+v", file, back, err, m)
	}
	later := append(bytes.Clone(p[:len(p)-1]), `,"later":{"x":[1]}}`...)
	if back, err := Parse[M](later); err != nil || !reflect.DeepEqual(back, m) {
		t.Errorf("%s with a field of a later version reads as %+v, %v", file, back, err)
	}
}

func TestMessages(t *testing.T) {
	h := Genesis(chain, public(key(1)))
	roundTrip(t, "hello.json", Hello{1, chain, 180001, 182734, h, 182700, 41, 7, Key(public(key(1)))})
	roundTrip(t, "state.json", State{1, StateOnline, 7, 41, chain, 182734, 182700, 1795000000123, 0, Card{}})
	roundTrip(t, "will.json", State{1, StateOffline, 7, 41, chain, 182734, 182700, 0, 0, Card{}})
	roundTrip(t, "state-alarm.json", State{1, StateOnline, 7, 41, chain, 182734, 182700, 1795000000123, 960, card})
	roundTrip(t, "occ.json", Occ{1, 1795000000000, QualitySync, 300, "A", 17, 6, 4, 0, 81, "SS-S--"})
	roundTrip(t, "want.json", Want{1, chain, 182701, 182734})
	roundTrip(t, "receipt.json", Receipt{V: 1, Chain: chain, Seq: 182700, Hash: h, Time: 1795000061000}.Sign(key(2), address))
}

func command() Command {
	return Command{
		Chain: chain, Number: 12, Time: 1795000061000, Expiry: 1795000361000, Verb: VerbSet,
		Args: json.RawMessage(`{"cafe": {"silence": "6m0s"}}`),
	}.Sign(key(2), address)
}

func TestCommandMessages(t *testing.T) {
	roundTrip(t, "cmd-message.json", command())
	roundTrip(t, "result.json", Result{1, chain, 12, VerbDiag, ResultDone, "", 1795000062000, json.RawMessage(`{"frames":1}`)})
	roundTrip(t, "ckpt.json", Checkpoint{1, "cafeprobe checkpoint 1\n…"})
}

func TestCommandSignature(t *testing.T) {
	f := func(name string, change func(c *Command, a *Address), want error) {
		t.Helper()
		c, a := command(), address
		change(&c, &a)
		if err := c.Verify(public(key(2)), a); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	f("as signed", func(*Command, *Address) {}, nil)
	f("other province", func(_ *Command, a *Address) { a.Province = "hue" }, ErrSignature)
	f("sent to another box", func(_ *Command, a *Address) { a.Box = "b-7f3a91c3" }, ErrSignature)
	f("of another box", func(c *Command, a *Address) { c.Box, a.Box = "b-7f3a91c3", "b-7f3a91c3" }, ErrSignature)
	f("other chain", func(c *Command, _ *Address) { c.Chain = "k3v9Qd2y" }, ErrSignature)
	f("other number", func(c *Command, _ *Address) { c.Number++ }, ErrSignature)
	f("other time", func(c *Command, _ *Address) { c.Time++ }, ErrSignature)
	f("other expiry", func(c *Command, _ *Address) { c.Expiry++ }, ErrSignature)
	f("other verb", func(c *Command, _ *Address) { c.Verb = VerbReboot }, ErrSignature)
	f("other args", func(c *Command, _ *Address) { c.Args = json.RawMessage(`{"cafe":{"silence":"7m0s"}}`) }, ErrSignature)
	f("a space more", func(c *Command, _ *Address) { c.Args = json.RawMessage(`{"cafe": {"silence":"6m0s"}}`) }, ErrSignature)
	f("no signature", func(c *Command, _ *Address) { c.Sig = Sig{} }, ErrSignature)
	// A receipt is no command, though one key signs both.
	r := Receipt{Chain: chain, Seq: 12, Hash: Hash{1}, Time: 1795000061000}.Sign(key(2), address)
	f("a receipt's signature", func(c *Command, _ *Address) { c.Sig = r.Sig }, ErrSignature)
}

func TestReceipt(t *testing.T) {
	good := Receipt{Chain: chain, Seq: 182700, Hash: Hash{1}, Time: 1795000061000}.Sign(key(2), address)
	f := func(name string, change func(r *Receipt, a *Address), want error) {
		t.Helper()
		r, a := good, address
		change(&r, &a)
		if err := r.Verify(public(key(2)), a); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	f("as signed", func(*Receipt, *Address) {}, nil)
	f("other province", func(_ *Receipt, a *Address) { a.Province = "hue" }, ErrSignature)
	f("other box", func(_ *Receipt, a *Address) { a.Box = "b-7f3a91c3" }, ErrSignature)
	f("other chain", func(r *Receipt, _ *Address) { r.Chain = "k3v9Qd2y" }, ErrSignature)
	f("other seq", func(r *Receipt, _ *Address) { r.Seq++ }, ErrSignature)
	f("other hash", func(r *Receipt, _ *Address) { r.Hash[9] ^= 1 }, ErrSignature)
	f("other time", func(r *Receipt, _ *Address) { r.Time++ }, ErrSignature)
	f("other signature", func(r *Receipt, _ *Address) { r.Sig[9] ^= 1 }, ErrSignature)
	if err := good.Verify(public(key(3)), address); !errors.Is(err, ErrSignature) {
		t.Errorf("other key: %v", err)
	}
	if err := good.Verify(nil, address); !errors.Is(err, ErrSignature) {
		t.Errorf("no key: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	bad := func(err error) {
		t.Helper()
		if !errors.Is(err, ErrMessage) && !errors.Is(err, ErrStrict) {
			t.Errorf("error %v, want %v or %v", err, ErrMessage, ErrStrict)
		}
	}
	p := func(_ any, err error) error { return err }
	bad(p(Parse[Want]([]byte(`{"v":1,"ch":"k3v9Qd2x","from":0,"to":1}`))))
	bad(p(Parse[Want]([]byte(`{"v":1,"ch":"k3v9Qd2x","from":2,"to":1}`))))
	bad(p(Parse[Want]([]byte(`{"v":1,"ch":"k3v9Qd2x","from":1,"to":8193}`))))
	bad(p(Parse[Want]([]byte(`{"v":1,"v":1,"ch":"k3v9Qd2x","from":1,"to":2}`))))
	bad(p(Parse[Receipt]([]byte(`{"v":1,"ch":"k3v9Qd2x","seq":1}`))))
	bad(p(Parse[State]([]byte(`{"v":1,"ch":"k3v9Qd2x","state":"away"}`))))
	bad(p(Parse[Hello]([]byte(`{"v":1,"ch":"k3v9Qd2x"}`))))
	bad(p(Marshal(Occ{V: 1, Quality: QualityNone, Vantage: "A", States: "S1"})))
	bad(p(Parse[Command]([]byte(`{"v":1,"box":"b-7f3a91c2","ch":"k3v9Qd2x","n":0}`))))
	bad(p(Marshal(Result{V: 1, Chain: chain, Number: 1, Verb: VerbDiag, Result: ResultDone, Data: json.RawMessage(`[1]`)})))
	bad(p(Marshal(Checkpoint{V: 1, Note: strings.Repeat("x", MaxNote+1)})))
	bad(p(Marshal(Want{V: 2, Chain: chain, From: 1, To: 1})))
}

func TestTopics(t *testing.T) {
	// printf b-7f3a91c2 | sha256sum
	want := "cafeprobe/v1/ha-giang/d/b-7f3a91c2/up/rec"
	if got := address.Topic(UpRecords); got != want {
		t.Errorf("topic %s, want %s", got, want)
	}
	for _, l := range leaves {
		topic, id := address.Topic(l), ""
		if l == DownCommand {
			topic, id = topic+"/42", "42"
		}
		if a, k, i, err := ParseTopic(topic); err != nil || a != address || k != l || i != id {
			t.Errorf("%s is %v %v %q, %v", topic, a, k, i, err)
		}
	}
	for _, topic := range []string{
		"", "cafeprobe", "cafeprobe/v2/ha-giang/d/b-7f3a91c2/up/rec", strings.TrimSuffix(want, "/rec"), want + "/x",
		strings.Replace(want, "/d/", "/e/", 1), strings.Replace(want, "/d/", "/+/", 1),
		strings.Replace(want, "ha-giang", "Ha-Giang", 1), strings.Replace(want, "ha-giang", "all", 1),
		strings.Replace(want, "ha-giang", "", 1), strings.Replace(want, "up", "down", 1),
		address.Topic(DownCommand), address.Topic(DownCommand) + "/", address.Topic(DownCommand) + "/a/b",
	} {
		if _, _, _, err := ParseTopic(topic); !errors.Is(err, ErrTopic) {
			t.Errorf("%s: error %v, want %v", topic, err, ErrTopic)
		}
	}
	if got, want := address.DownFilter(), "cafeprobe/v1/ha-giang/d/b-7f3a91c2/down/#"; got != want {
		t.Errorf("filter %s, want %s", got, want)
	}
	if got, want := UpFilter("ha-giang", ""), "cafeprobe/v1/ha-giang/+/+/up/#"; got != want {
		t.Errorf("filter %s, want %s", got, want)
	}
}

func FuzzParseTopic(f *testing.F) {
	for _, l := range leaves {
		f.Add(address.Topic(l))
	}
	f.Add(address.Topic(DownCommand) + "/42")
	f.Fuzz(func(t *testing.T, topic string) {
		a, l, id, err := ParseTopic(topic)
		if err != nil {
			return
		}
		back := a.Topic(l)
		if id != "" {
			back += "/" + id
		}
		if back != topic || strings.ContainsAny(topic, "+#") {
			t.Errorf("%q reads as %v %v %q, which is %q", topic, a, l, id, back)
		}
	})
}

func FuzzParse(f *testing.F) {
	h := Hash{1}
	seed := func(p []byte, err error) {
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p)
	}
	seed(Marshal(Hello{1, chain, 180001, 182734, h, 182700, 41, 7, Key{1}}))
	seed(Marshal(State{1, StateOnline, 7, 41, chain, 182734, 182700, 1795000000123, 960, card}))
	seed(Marshal(Occ{1, 1795000000000, QualitySync, 300, "A", 17, 6, 4, 0, 81, "SS-S--"}))
	seed(Marshal(Want{1, chain, 182701, 182734}))
	seed(Marshal(Receipt{V: 1, Chain: chain, Seq: 182700, Hash: h, Time: 1795000061000}.Sign(key(2), address)))
	signed, err := Marshal(command())
	seed(signed, err)
	seed(Marshal(Result{1, chain, 12, VerbDiag, ResultDone, "", 1795000062000, json.RawMessage(`{"frames":1}`)}))
	f.Fuzz(func(t *testing.T, p []byte) {
		reads[Hello](t, p)
		reads[State](t, p)
		reads[Occ](t, p)
		reads[Want](t, p)
		reads[Receipt](t, p)
		reads[Checkpoint](t, p)
		if c, err := Parse[Command](p); err == nil && c.Verify(public(key(2)), address) == nil {
			if q, err := Marshal(c); err != nil || !bytes.Equal(q, signed) {
				t.Errorf("%s: another command verifies: %v", p, err)
			}
		}
		if r, err := Parse[Receipt](p); err == nil && r.Verify(public(key(2)), address) == nil {
			if r.Chain != chain || r.Seq != 182700 || r.Hash != h || r.Time != 1795000061000 {
				t.Errorf("%s: another receipt verifies", p)
			}
		}
	})
}

func reads[M message](t *testing.T, p []byte) {
	t.Helper()
	m, err := Parse[M](p)
	if err != nil {
		return
	}
	q, err := Marshal(m)
	if err != nil {
		t.Fatalf("%s\nreads as %+v, which does not encode: %v", p, m, err)
	}
	if again, err := Parse[M](q); err != nil || !reflect.DeepEqual(again, m) {
		t.Fatalf("%s\nreads as %+v, again as %+v, %v", p, m, again, err)
	}
}
