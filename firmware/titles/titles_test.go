package titles

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"cafeprobe/capture/title"
	"cafeprobe/uplink"
	"cafeprobe/uplink/checkpoint"
)

var (
	key   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	other = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
)

const (
	first  = "a\tgame\tlauncher\tfirst.example\tproof\ts\n"
	second = "a\tgame\tlauncher\tsecond.example\tproof\ts\n"
)

func sign(t testing.TB, province string, n uint64, text string, key ed25519.PrivateKey) []byte {
	t.Helper()
	file, err := Sign(Signed{uplink.Province(province), n, text}, key)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func box(t testing.TB) *Box {
	return &Box{Dir: t.TempDir(), Province: "ha-giang", Key: key.Public().(ed25519.PublicKey)}
}

func TestOpen(t *testing.T) {
	good := sign(t, "ha-giang", 7, first, key)
	f := func(name string, file []byte, want error) {
		t.Helper()
		s, err := Open(file, "ha-giang", key.Public().(ed25519.PublicKey))
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err == nil && (s.Number != 7 || s.Text != first) {
			t.Errorf("%s: %+v", name, s)
		}
	}
	f("good", good, nil)
	f("another key", sign(t, "ha-giang", 7, first, other), Forged)
	f("another province", sign(t, "lao-cai", 7, first, other), Misled)
	f("another number", bytes.Replace(good, []byte("\n7\n"), []byte("\n8\n"), 1), Forged)
	f("another table", bytes.Replace(good, []byte("first"), []byte("worst"), 1), Forged)
	f("a row more", append(bytes.Clone(good), second...), Forged)
	f("cut", good[:len(good)-1], Forged)
	f("no table at all", good[:bytes.Index(good, []byte("\n\na\t"))], Malformed)
	f("nothing", nil, Malformed)
	f("a table alone", []byte(first), Malformed)
	f("no end of its head", bytes.Repeat([]byte("x"), maxHead*2), Malformed)
	f("too large", append(bytes.Clone(good), make([]byte, MaxFile)...), Large)
}

// TestOtherNote: what the key signs for another purpose is no table.
func TestOtherNote(t *testing.T) {
	file := sign(t, "ha-giang", 7, first, key)
	if _, err := Open(bytes.Replace(file, []byte("cafeprobe titles 1"), []byte("cafeprobe other 1"), 1), "ha-giang",
		key.Public().(ed25519.PublicKey)); !errors.Is(err, Forged) {
		t.Errorf("%v, want forged", err)
	}
	s := Signed{Province: "ha-giang", Text: first}
	for _, text := range []string{"", "cafeprobe other 1\nha-giang\n7\nx\n", "cafeprobe titles 1\nha-giang\n0\nx\n"} {
		if err := s.read(text); !errors.Is(err, Malformed) {
			t.Errorf("%q: %v, want malformed", text, err)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	for _, s := range []Signed{
		{"ha-giang", 1, "no table\n"}, {"Hà Giang", 1, first}, {"ha-giang", 0, first}, {"ha-giang", 1 << 53, first},
	} {
		if _, err := Sign(s, key); err == nil {
			t.Errorf("%+v is signed", s)
		}
	}
}

// TestNumberRises: a table that was used is followed by newer ones only, through restarts.
func TestNumberRises(t *testing.T) {
	b := box(t)
	f := func(name string, n uint64, text string, want error, used uint64) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(b.Dir, File), sign(t, "ha-giang", n, text, key), 0o600); err != nil {
			t.Fatal(err)
		}
		table, number, err := b.Load()
		if !errors.Is(err, want) || (err == nil) != (want == nil) || number != used {
			t.Errorf("%s: table %d, %v; want %d, %v", name, number, err, used, want)
		}
		if own := table.Name("first.example")+table.Name("second.example") != 0; own != (used > title.Version) {
			t.Errorf("%s: the signed table is in use: %v", name, own)
		}
	}
	if _, number, err := b.Load(); number != title.Version || err != nil {
		t.Errorf("nothing there: table %d, %v", number, err)
	}
	f("first", 7, first, nil, 7)
	f("again", 7, first, nil, 7)
	f("the same number, another table", 7, second, Replayed, title.Version)
	f("newer", 9, second, nil, 9)
	f("older", 8, first, Replayed, title.Version)
	f("newer again", 10, first, nil, 10)
}

// TestFirmwareIsNewer: a signed table that is no newer than the built-in one is left.
func TestFirmwareIsNewer(t *testing.T) {
	b := box(t)
	if _, err := b.Install(sign(t, "ha-giang", title.Version, first, key)); err != nil {
		t.Fatal(err)
	}
	if table, number, err := b.Load(); err != nil || number != title.Version || table.Name("first.example") != 0 {
		t.Errorf("table %d, %v", number, err)
	}
}

func TestInstall(t *testing.T) {
	b := box(t)
	if n, err := b.Install(sign(t, "ha-giang", 7, first, key)); n != 7 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for name, file := range map[string][]byte{
		"forged": sign(t, "ha-giang", 8, second, other), "older": sign(t, "ha-giang", 6, second, key), "none": []byte("x"),
	} {
		if _, err := b.Install(file); err == nil {
			t.Errorf("%s is installed", name)
		}
	}
	if table, n, err := b.Load(); n != 7 || err != nil || table.Name("first.example") == 0 {
		t.Errorf("table %d, %v", n, err)
	}
}

// TestSignedButNoTable: what the province signed with another firmware's rules is refused whole.
func TestSignedButNoTable(t *testing.T) {
	b := box(t)
	good := sign(t, "ha-giang", 7, first, key)
	bad := strings.Replace(first, "launcher", "sleeping", 1)
	s := Signed{"ha-giang", 7, bad}
	head := fmt.Sprintf("%s\n%s\n%d\n%s\n", heading, s.Province, s.Number, s.sum())
	if _, err := b.Install(resign(t, head, bad)); !errors.Is(err, Malformed) {
		t.Errorf("%v, want malformed", err)
	}
	if _, err := b.Install(good); err != nil { // its number was not used up
		t.Error(err)
	}
}

// FuzzOpen: what Open takes is what was signed, octet for octet.
func FuzzOpen(f *testing.F) {
	good := sign(f, "ha-giang", 7, first, key)
	f.Add(good)
	f.Add(sign(f, "ha-giang", 7, first, other))
	f.Fuzz(func(t *testing.T, file []byte) {
		if s, err := Open(file, "ha-giang", key.Public().(ed25519.PublicKey)); err == nil && (s.Text != first || s.Number != 7) {
			t.Errorf("taken: %+v", s)
		}
	})
}

// resign signs any head, as Sign never would.
func resign(t *testing.T, head, text string) []byte {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: head}, checkpoint.Signer("ha-giang", key))
	if err != nil {
		t.Fatal(err)
	}
	return append(append(signed, '\n'), text...)
}
