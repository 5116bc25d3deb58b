package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"cafeprobe/uplink"
)

var (
	address = uplink.Address{Province: "ha-giang", Box: "b-7f3a91c2"}
	key     = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	public  = key.Public().(ed25519.PublicKey)
	sample  = Checkpoint{
		Address: address, Chain: "k3v9Qd2x", Head: uplink.Head{Seq: 182734, Hash: uplink.Hash{1, 2}}, Boot: 41,
		Stamp: uplink.Stamp{Mono: 8123456, Time: 1795000000123, Quality: uplink.QualitySync},
	}
)

func TestSignedOpens(t *testing.T) {
	f := func(name string, c Checkpoint) {
		t.Helper()
		text, err := Sign(c, key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Open(text, address, public); err != nil || got != c {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c)
		}
	}
	f("sample", sample)
	empty := sample
	empty.Head.Seq, empty.Stamp = 0, uplink.Stamp{Quality: uplink.QualityNone}
	f("empty chain, no clock", empty)
}

func TestOpenRefuses(t *testing.T) {
	text, err := Sign(sample, key)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name, text string, a uplink.Address, k ed25519.PublicKey) {
		t.Helper()
		if c, err := Open(text, a, k); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: %+v, %v, want %v", name, c, err, ErrCheckpoint)
		}
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32)).Public().(ed25519.PublicKey)
	f("other seq", strings.Replace(text, "182734", "182735", 1), address, public)
	f("other hash", strings.Replace(text, "AQIAAA", "AQMAAA", 1), address, public)
	f("other key", text, address, other)
	f("other box", text, uplink.Address{Province: "ha-giang", Box: "b-7f3a91c3"}, public)
	f("other province", text, uplink.Address{Province: "hue", Box: "b-7f3a91c2"}, public)
	f("no signature", strings.SplitAfter(text, "\n\n")[0], address, public)
	f("the signature's last bits", text[:len(text)-3]+string(text[len(text)-3]^1)+text[len(text)-2:], address, public)
	f("a second signature", text+"— b-7f3a91c3 "+text[strings.LastIndex(text, " ")+1:], address, public)
	f("empty", "", address, public)
	f("too long", text+strings.Repeat("x", uplink.MaxNote), address, public)
}

// FuzzOpen: only what was signed opens.
func FuzzOpen(f *testing.F) {
	text, err := Sign(sample, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := Open(s, address, public); err == nil && c != sample {
			t.Errorf("%q opens as %+v", s, c)
		}
	})
}

// FuzzParse: a text that is read is written the same way again.
func FuzzParse(f *testing.F) {
	f.Add("cafeprobe checkpoint 1\nha-giang/b-7f3a91c2\nk3v9Qd2x\n1\n" + uplink.Hash{1}.String() + "\n1\n2\n3 sync\n")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parse(s)
		if err != nil {
			return
		}
		signed, err := Sign(c, key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Open(signed, c.Address, public); err != nil || got != c {
			t.Errorf("%q reads as %+v, again as %+v, %v", s, c, got, err)
		}
	})
}
