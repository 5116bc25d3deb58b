package detect

import (
	"errors"
	"testing"
	"testing/fstest"

	"cafeprobe/board"
)

func TestBoard(t *testing.T) {
	f := func(name, compatible, want string, wantErr error) {
		t.Helper()
		root := fstest.MapFS{}
		if compatible != "" {
			root[tree] = &fstest.MapFile{Data: []byte(compatible)}
		}
		b, err := Board(root)
		if b.Name != want || !errors.Is(err, wantErr) {
			t.Errorf("%s: got %q, %v; want %q, %v", name, b.Name, err, want, wantErr)
		}
	}
	f("no device tree", "", "pc", nil)
	f("exact", "friendlyarm,nanopi-r4s\x00rockchip,rk3399\x00", "nanopi-r4s", nil)
	f("variant of a known model", "friendlyarm,nanopi-r2s-plus\x00friendlyarm,nanopi-r2s\x00rockchip,rk3328\x00", "nanopi-r2s", nil)
	f("unknown", "acme,toaster\x00", "", ErrUnknown)
	f("empty node", "\x00", "", ErrUnknown)
}

// TestNames: every model has a name of its own that can stand in a record and in a file name.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range board.Boards() {
		if seen[b.Name] || b.Name == "" || len(b.Name) > 64 {
			t.Errorf("name %q is empty, too long or there twice", b.Name)
		}
		seen[b.Name] = true
	}
}

func FuzzBoard(f *testing.F) {
	f.Add([]byte("linux,dummy-virt\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, compatible []byte) {
		b, err := Board(fstest.MapFS{tree: &fstest.MapFile{Data: compatible}})
		if (err == nil) != (b.Name != "") {
			t.Errorf("%q: board %q and error %v", compatible, b.Name, err)
		}
	})
}
