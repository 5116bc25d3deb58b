package fdt

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"testing"
)

// tree has each kind of value, and one that is to begin at a multiple of eight.
func tree() *Node {
	return &Node{
		Props: []Prop{String("compatible", "maker,board", "maker,chip"), Cells("#address-cells", 1)},
		Nodes: []*Node{
			{Name: "leds@1", Props: []Prop{{"odd", []byte{1, 2, 3}}, {"empty", []byte{}}, {"long", []byte("0123456789")}}},
			{Name: "off", Props: []Prop{String("status", "disabled")}, Nodes: []*Node{{Name: "below"}}},
		},
	}
}

func TestRoundTrip(t *testing.T) {
	got, err := Parse(Marshal(tree()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, tree()) {
		t.Errorf("read back %+v, want %+v", got, tree())
	}
	if s := got.Strings("compatible"); !reflect.DeepEqual(s, []string{"maker,board", "maker,chip"}) {
		t.Errorf("compatible is %q", s)
	}
	if n := got.Node("leds"); n == nil || n.Name != "leds@1" {
		t.Errorf("node leds is %v", n)
	}
	if got.Node("off/below") == nil || got.Node("off/above") != nil {
		t.Error("off/below is to be found, off/above is not")
	}
	var paths []string
	got.Walk(func(path string, _ *Node) { paths = append(paths, path) })
	if want := []string{"/", "/leds@1", "/off", "/off/below"}; !reflect.DeepEqual(paths, want) {
		t.Errorf("walked %q, want %q", paths, want)
	}
}

// Long values begin at a multiple of eight: U-Boot hands a device tree to Linux from where it lies in an image.
func TestAlignment(t *testing.T) {
	for i := range 8 {
		b := Marshal(&Node{Props: []Prop{{"pad", make([]byte, i)}, {"x", []byte("value at eight")}}})
		if at := bytes.Index(b, []byte("value at eight")); at%8 != 0 {
			t.Errorf("behind %d octets the value is at %d", i, at)
		}
	}
}

// Another program reads the same of what Marshal writes.
func TestDTC(t *testing.T) {
	dtc, err := exec.LookPath("fdtget")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("fdtget is not installed (apt-get install device-tree-compiler)")
	}
	path := t.TempDir() + "/tree"
	if err := os.WriteFile(path, Marshal(tree()), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ node, prop, want string }{
		{"/", "compatible", "maker,board maker,chip\n"}, {"/off", "status", "disabled\n"},
	} {
		out, err := exec.Command(dtc, "-t", "s", path, c.node, c.prop).CombinedOutput()
		if err != nil || string(out) != c.want {
			t.Errorf("fdtget %s %s: %q, %v; want %q", c.node, c.prop, out, err, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := Marshal(tree())
	f := func(name string, change func(b []byte) []byte) {
		t.Helper()
		if _, err := Parse(change(bytes.Clone(good))); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	f("nothing", func([]byte) []byte { return nil })
	f("cut", func(b []byte) []byte { return b[:len(b)-1] })
	f("no magic", func(b []byte) []byte { b[0] = 0; return b })
	f("structure outside", func(b []byte) []byte { b[8] = 0xff; return b })
	f("unknown token", func(b []byte) []byte { b[59] = 7; return b })
	deep := &Node{}
	for range maxDepth + 2 {
		deep = &Node{Nodes: []*Node{deep}}
	}
	f("deep", func([]byte) []byte { return Marshal(deep) })
}

func FuzzParse(f *testing.F) {
	f.Add(Marshal(tree()))
	f.Add(Marshal(&Node{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := Parse(b)
		if err != nil {
			return
		}
		again, err := Parse(Marshal(n))
		if err != nil {
			t.Fatalf("what was read cannot be written and read: %v", err)
		}
		if !bytes.Equal(Marshal(again), Marshal(n)) {
			t.Error("written twice, it differs")
		}
	})
}

// TestReserve: the tree is as before, but for one more reservation in front of the others, as dtc(1) reads it.
func TestReserve(t *testing.T) {
	tree := Marshal(tree())
	if _, err := Reserve(tree[:20], 0, 0); !errors.Is(err, ErrInvalid) {
		t.Errorf("half a head: %v, want ErrInvalid", err)
	}
	first, err := Reserve(tree, 0x110000, 0x80000)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Reserve(first, 0, 0x1000)
	if err != nil {
		t.Fatal(err)
	}
	was, err1 := Parse(tree)
	is, err2 := Parse(second)
	if err := errors.Join(err1, err2); err != nil || !reflect.DeepEqual(is, was) {
		t.Errorf("%v: read back %+v, want %+v", err, is, was)
	}
	dtc := exec.Command("dtc", "-q", "-I", "dtb", "-O", "dts")
	dtc.Stdin = bytes.NewReader(second)
	out, err := dtc.Output()
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "" {
		t.Skip("dtc is not installed")
	}
	for _, want := range []string{"/memreserve/\t0x0000000000000000 0x0000000000001000;", "/memreserve/\t0x0000000000110000 0x0000000000080000;"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("%v: dtc does not say %q: %.300s", err, want, out)
		}
	}
}
