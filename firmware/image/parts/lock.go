package parts

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// lockHead is the head of parts.lock.
const lockHead = `# The Debian packages that images are made of, as they were fetched last: what is asked for, architecture, package,
# version, sha256.
# Written by cafeprobe image; a version that the archive no longer has is replaced by the newest, with a warning.
`

type lock []Part

// readLock reads a list; a file that is not there is an empty one.
func readLock(path string) (lock, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var l lock
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 5 || len(f[4]) != 64 {
			return nil, fmt.Errorf("%s:%d: not five fields with a sha256 last: %q", path, n, line)
		}
		l = append(l, Part{Want: Want{f[0], f[1]}, Package: f[2], Version: f[3], SHA256: f[4]})
	}
	return l, nil
}

func (l lock) find(w Want) (Part, bool) {
	i := slices.IndexFunc(l, func(p Part) bool { return p.Want == w })
	if i < 0 {
		return Part{}, false
	}
	return l[i], true
}

func (l *lock) put(p Part) {
	*l = append(slices.DeleteFunc(*l, func(q Part) bool { return q.Want == p.Want }), p)
}

func (l lock) text() []byte {
	var lines []string
	for _, p := range l {
		lines = append(lines, strings.Join([]string{p.Name, p.Arch, p.Package, p.Version, p.SHA256}, "\t")+"\n")
	}
	slices.Sort(lines)
	return []byte(lockHead + strings.Join(lines, ""))
}

// Listed returns what the list at path has of wants.
func Listed(path string, wants []Want) ([]Part, error) {
	l, err := readLock(path)
	if err != nil {
		return nil, err
	}
	list := make([]Part, 0, len(wants))
	for _, w := range wants {
		p, ok := l.find(w)
		if !ok {
			return nil, fmt.Errorf("%s has no %s for %s", path, w.Name, w.Arch)
		}
		list = append(list, p)
	}
	return list, nil
}
