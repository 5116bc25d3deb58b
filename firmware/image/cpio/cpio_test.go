package cpio

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	write := func(files []File) []byte {
		var b bytes.Buffer
		if err := Write(&b, files, []string{"proc"}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	one, two := File{"init", 0o755, []byte("program")}, File{"etc/deep/list", 0o644, []byte("words\n")}
	archive := write([]File{one, two})
	if !bytes.Equal(archive, write([]File{two, one})) {
		t.Error("the order of files changes the archive")
	}
	if len(archive)%4 != 0 {
		t.Errorf("%d octets", len(archive))
	}
	if _, err := exec.LookPath("cpio"); err != nil && os.Getenv("CI") == "" {
		t.Skip("cpio is not installed (apt-get install cpio)")
	}
	dir := t.TempDir()
	run := func(args ...string) string {
		cmd := exec.Command("cpio", args...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(archive)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	list := run("-t", "--quiet")
	if want := "dev\ndev/console\netc\netc/deep\netc/deep/list\ninit\nproc\n"; list != want {
		t.Errorf("cpio lists %q, want %q", list, want)
	}
	run("-i", "-d", "--quiet", "init", "etc/deep/list")
	for _, f := range []File{one, two} {
		b, err := os.ReadFile(dir + "/" + f.Name)
		info, _ := os.Stat(dir + "/" + f.Name)
		if err != nil || !bytes.Equal(b, f.Data) || info.Mode().Perm() != f.Mode {
			t.Errorf("%s is %q, %v, %v", f.Name, b, info, err)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, f := range [][]File{
		{{Name: "../up"}}, {{Name: "/root"}}, {{Name: ""}}, {{Name: "a"}, {Name: "a"}}, {{Name: "dev/console"}},
	} {
		if err := Write(&bytes.Buffer{}, f, nil); err == nil {
			t.Errorf("%v was taken", strings.TrimSpace(f[0].Name))
		}
	}
}
