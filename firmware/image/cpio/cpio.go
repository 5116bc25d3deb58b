// Package cpio writes archives of the kind that Linux unpacks as its first file system
// (Documentation/driver-api/early-userspace/ buffer-format.rst, "newc"). The same files give the same octets: sorted by name,
// numbered in that order, owned by root, of one time.
package cpio

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
)

// File is one plain file. Name is its path without a leading slash; the folders above it are made as they are needed, 0755.
type File struct {
	Name string
	Mode fs.FileMode // permission bits alone
	Data []byte
}

// File types of st_mode (POSIX.1-2017 sys/stat.h, with Linux' numbers).
const (
	typeFolder = 0o040000
	typePlain  = 0o100000
	typeDevice = 0o020000
)

// console is /dev/console, which the kernel opens for PID 1 before anything is mounted on /dev.
const consoleMajor, consoleMinor = 5, 1

type entry struct {
	name         string
	mode         uint32
	links        int
	data         []byte
	major, minor int
}

// Write writes an archive of files, the folders above them, folders, and /dev/console. It is an error when two have one name.
func Write(w io.Writer, files []File, folders []string) error {
	const console = "dev/console"
	list := map[string]entry{
		console: {name: console, mode: typeDevice | 0o600, links: 1, major: consoleMajor, minor: consoleMinor},
	}
	above := func(name string) {
		for d := path.Dir(name); d != "."; d = path.Dir(d) {
			list[d] = entry{name: d, mode: typeFolder | 0o755, links: 2}
		}
	}
	above(console)
	for _, d := range folders {
		above(d + "/x")
	}
	for _, f := range files {
		if !fs.ValidPath(f.Name) || f.Name == "." {
			return fmt.Errorf("archive %q: not a path below the root", f.Name)
		}
		if _, ok := list[f.Name]; ok {
			return fmt.Errorf("archive %s: there twice", f.Name)
		}
		above(f.Name)
		list[f.Name] = entry{name: f.Name, mode: typePlain | uint32(f.Mode.Perm()), links: 1, data: f.Data}
	}
	names := make([]string, 0, len(list))
	for n := range list {
		names = append(names, n)
	}
	slices.Sort(names)
	out := &writer{w: bufio.NewWriterSize(w, 1<<16)}
	for i, n := range names {
		out.put(list[n], i+1)
	}
	out.put(entry{name: "TRAILER!!!", links: 1}, 0)
	if out.err != nil {
		return fmt.Errorf("write the archive: %w", out.err)
	}
	return out.w.Flush()
}

type writer struct {
	w   *bufio.Writer
	n   int
	err error
}

// put writes one entry: thirteen numbers of eight hexadecimal digits, the name with a NUL, the data; both filled up to four
// octets.
func (w *writer) put(e entry, inode int) {
	w.write([]byte(fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		inode, e.mode, 0, 0, e.links, 0, len(e.data), 0, 0, e.major, e.minor, len(e.name)+1, 0)))
	w.write([]byte(e.name + "\x00"))
	w.pad()
	w.write(e.data)
	w.pad()
}

func (w *writer) write(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
		w.n += len(b)
	}
}

func (w *writer) pad() { w.write(make([]byte, -w.n&3)) }
