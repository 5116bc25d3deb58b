package provision

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// image returns a partition's file with b at the archive's place.
func image(t testing.TB, b []byte) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "state"))
	if err == nil {
		err = f.Truncate(1 << 20)
	}
	if err == nil {
		_, err = f.WriteAt(b, Offset)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

var sample = []File{{"config.json", []byte(`{"dir":"/data"}`)}, {"state/tls/ca.pem", []byte("PEM")}, {"net.json", []byte("{}")}}

// TestUnpack: what is written is unpacked, config.json last, and is gone afterwards; boot state in front of it stays.
func TestUnpack(t *testing.T) {
	b, err := Encode(sample)
	if err != nil {
		t.Fatal(err)
	}
	f := image(t, b)
	if _, err := f.WriteAt([]byte("boot state"), 4096); err != nil {
		t.Fatal(err)
	}
	files, err := Read(f)
	if err != nil || len(files) != 3 || files[2].Name != "config.json" {
		t.Fatalf("%v, %v, want three files, config.json last", files, err)
	}
	dir := t.TempDir()
	if err := Unpack(dir, files); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "state/tls/ca.pem")); err != nil || string(got) != "PEM" {
		t.Errorf("%q, %v", got, err)
	}
	if err := Wipe(f); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(f); !errors.Is(err, ErrNone) {
		t.Errorf("after it was wiped: %v", err)
	}
	left, err := os.ReadFile(f.Name())
	if err != nil || bytes.Contains(left, []byte("PEM")) || !bytes.Equal(left[4096:4106], []byte("boot state")) || len(left) != 1<<20 {
		t.Errorf("%v, %d octets: the archive is still there, or more than it is gone", err, len(left))
	}
}

// TestRefused: of what is torn or not a box's nothing is taken.
func TestRefused(t *testing.T) {
	archive := func(hs ...tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range hs {
			h.Size = 2
			if h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeDir {
				h.Size = 0
			}
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write([]byte("{}")[:h.Size])
		}
		w.Close()
		return b.Bytes()
	}
	f := func(name string, h ...tar.Header) {
		t.Helper()
		if files, err := parse(archive(h...), Names); !errors.Is(err, ErrArchive) {
			t.Errorf("%s: %v, %v, want %v", name, files, err, ErrArchive)
		}
	}
	f("none")
	f("outside", tar.Header{Name: "../config.json"})
	f("absolute", tar.Header{Name: "/data/cafeprobe/config.json"})
	f("link", tar.Header{Name: "config.json", Typeflag: tar.TypeSymlink, Linkname: "/bin/init"})
	f("folder", tar.Header{Name: "config.json", Typeflag: tar.TypeDir})
	f("twice", tar.Header{Name: "config.json"}, tar.Header{Name: "config.json"})
	f("another", tar.Header{Name: "state/life.json"})
	if _, err := Encode([]File{{"config.json", []byte("no JSON")}}); !errors.Is(err, ErrArchive) {
		t.Errorf("no JSON: %v", err)
	}
	if _, err := Encode([]File{{"state/tls/ca.pem", make([]byte, maxFile+1)}}); !errors.Is(err, ErrArchive) {
		t.Errorf("too long: %v", err)
	}
	whole, err := Encode(sample)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(whole); i += 61 {
		b := bytes.Clone(whole)
		b[i] ^= 0x10
		if files, err := Read(image(t, b)); err == nil {
			t.Fatalf("octet %d flipped: %v", i, files)
		}
		if i > len(bytes.TrimRight(whole, "\x00")) {
			continue // the rest is zeros, as the partition is
		}
		if files, err := Read(image(t, whole[:i])); err == nil {
			t.Fatalf("cut at %d: %v", i, files)
		}
	}
}

func FuzzRead(f *testing.F) {
	whole, err := Encode(sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[head:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		files, err := parse(body, Names)
		if err != nil {
			if !errors.Is(err, ErrArchive) {
				t.Errorf("%v", err)
			}
			return
		}
		last := -1
		for _, file := range files {
			i := slices.Index(Names, file.Name)
			if i <= last || len(file.Data) > maxFile {
				t.Errorf("%s, %d octets, behind number %d", file.Name, len(file.Data), last)
			}
			last = i
		}
	})
}
