package parts

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// What the machine's apt says, with sources that are not Debian's.
func TestTranslate(t *testing.T) {
	got, err := translate(`http://mirror.example/debian bookworm
http://mirror.example/debian bookworm
http://mirror.example/debian bookworm-updates
http://mirror.example/debian-security bookworm-security
https://other.example/apt stable
`, "bookworm")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for l := range strings.Lines(got) {
		lines = append(lines, strings.Replace(strings.TrimSpace(l), "[signed-by="+keyring+"] ", "", 1))
	}
	want := []string{
		"deb http://mirror.example/debian trixie main non-free-firmware", "deb-src http://mirror.example/debian trixie main",
		"deb http://mirror.example/debian trixie-updates main non-free-firmware",
		"deb-src http://mirror.example/debian trixie-updates main",
		"deb http://mirror.example/debian-security trixie-security main non-free-firmware",
		"deb-src http://mirror.example/debian-security trixie-security main",
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if _, err := translate("https://other.example/apt stable\n", "bookworm"); err == nil {
		t.Error("a machine without Debian's archive was taken")
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parts.lock")
	l, err := readLock(path)
	if err != nil || l != nil {
		t.Fatalf("a list that is not there: %v, %v", l, err)
	}
	a := Part{
		Want: Want{"linux-image-arm64", "arm64"}, Package: "linux-image-6.12-arm64", Version: "6.12.1-1", SHA256: strings.Repeat("a", 64),
	}
	b := a
	b.Version, b.SHA256 = "6.12.2-1", strings.Repeat("b", 64)
	c := Part{Want: Want{"e2fsck-static", "arm64"}, Package: "e2fsck-static", Version: "1", SHA256: strings.Repeat("c", 64)}
	l.put(a)
	l.put(c)
	l.put(b)
	if err := os.WriteFile(path, l.text(), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := readLock(path)
	if err != nil || !reflect.DeepEqual(got, lock{c, b}) {
		t.Errorf("read %v, %v; want %v", got, err, lock{c, b})
	}
	if p, ok := got.find(a.Want); !ok || p != b {
		t.Errorf("found %v, %v", p, ok)
	}
	if err := os.WriteFile(path, []byte("four\tfields\tare\ttoo few\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readLock(path); err == nil || !strings.Contains(err.Error(), ":1:") {
		t.Errorf("a bad line: %v", err)
	}
}
