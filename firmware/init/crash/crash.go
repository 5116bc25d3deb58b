// Package crash keeps reports of what ended badly, on the data partition: the kernel's last words of the boot before, which a reset
// leaves in memory or in the machine's firmware (pstore), and of programs what they and the kernel said last.
package crash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cafeprobe/uplink/durable"

	"golang.org/x/sys/unix"
)

// Bounds: of a report in octets, and of how many are kept. The oldest go.
const (
	MaxReport = 64 << 10
	MaxKept   = 8
)

// Store is a folder of reports. Its methods are safe for concurrent use.
type Store struct {
	dir string
	mu  sync.Mutex
}

// Open returns the reports in dir, which is made with the first.
func Open(dir string) *Store { return &Store{dir: dir} }

const suffix = ".txt"

// Save keeps a report: a line of what it is about, then each part's last words, the last part whole before the others. kind is of
// letters. It returns the report's name.
func (s *Store) Save(kind, about string, parts ...string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fail := func(err error) (string, error) { return "", fmt.Errorf("keep the report of a crash: %w", err) }
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fail(err)
	}
	have, err := s.list()
	if err != nil {
		return fail(err)
	}
	number := 1
	if len(have) > 0 {
		number = have[len(have)-1].number + 1
	}
	for ; len(have) >= MaxKept; have = have[1:] {
		if err := os.RemoveAll(filepath.Join(s.dir, have[0].name)); err != nil {
			return fail(err)
		}
	}
	name := fmt.Sprintf("%06d-%s%s", number, kind, suffix)
	if err := durable.WriteFile(filepath.Join(s.dir, name), compose(about, parts)); err != nil {
		return fail(err)
	}
	return name, nil
}

// compose lays the parts behind one another, in what room there is.
func compose(about string, parts []string) []byte {
	about = about[:min(len(about), 1000)] + "\n"
	room := MaxReport - len(about)
	cut := make([]string, len(parts))
	for i, p := range slices.Backward(parts) {
		if p == "" {
			continue
		}
		cut[i] = p[max(0, len(p)-max(0, room-2)):] + "\n"
		room -= min(room, len(cut[i]))
	}
	return []byte((about + strings.Join(cut, ""))[:min(MaxReport, len(about)+len(strings.Join(cut, "")))])
}

type report struct {
	name   string
	number int
}

// list returns the reports, oldest first. What else is in the folder, as a write that was cut, is removed.
func (s *Store) list() (list []report, err error) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, f := range files {
		digits, _, ok := strings.Cut(f.Name(), "-")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || n < 1 || n > 1<<30 || !strings.HasSuffix(f.Name(), suffix) || !f.Type().IsRegular() {
			errs = append(errs, os.RemoveAll(filepath.Join(s.dir, f.Name())))
			continue
		}
		list = append(list, report{f.Name(), n})
	}
	slices.SortFunc(list, func(a, b report) int { return a.number - b.number })
	return list, errors.Join(errs...)
}

// Names returns the reports' names, oldest first.
func (s *Store) Names() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.list()
	if err != nil {
		return nil
	}
	for _, r := range list {
		names = append(names, r.name)
	}
	return names
}

// Collect makes a report of what the boot before left in pstore, and frees the room there once the report is on the disk. It returns
// the report's name, "" where there was nothing.
func (s *Store) Collect(pstore, about string) (string, error) {
	files, err := filepath.Glob(filepath.Join(pstore, "*-*"))
	if err != nil || len(files) == 0 {
		return "", err
	}
	slices.SortFunc(files, later)
	var parts []string
	for _, f := range files {
		b, err := readEnd(f)
		if err != nil {
			continue // it is removed: it would be in the way of the next
		}
		parts = append(parts, filepath.Base(f)+":\n"+string(b))
	}
	name := ""
	if len(parts) > 0 {
		if name, err = s.Save("kernel", about, parts...); err != nil {
			return "", err
		}
	}
	var errs []error
	for _, f := range files {
		errs = append(errs, os.Remove(f))
	}
	return name, errors.Join(errs...)
}

// later orders pstore's files: consoles and programs' messages first, as they matter less; of a kernel's last words, of which a
// firmware keeps a part a file, part 1 is the newest.
func later(a, b string) int {
	rank := func(s string) int {
		if strings.HasPrefix(filepath.Base(s), "dmesg-") {
			return 1
		}
		return 0
	}
	if d := rank(a) - rank(b); d != 0 {
		return d
	}
	if len(a) != len(b) {
		return len(b) - len(a)
	}
	return strings.Compare(b, a)
}

// readEnd reads the last MaxReport octets of a file.
func readEnd(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(info.Size(), MaxReport))
	n, err := f.ReadAt(b, info.Size()-int64(len(b)))
	if n > 0 {
		err = nil
	}
	return b[:n], err
}

// Kernel returns what the kernel's log holds, its last MaxReport octets.
func Kernel() string {
	const readAll = 3 // SYSLOG_ACTION_READ_ALL, syslog(2)
	b := make([]byte, MaxReport)
	n, err := unix.Klogctl(readAll, b)
	if err != nil {
		return ""
	}
	return string(b[:max(0, n)])
}

// Tail is a writer that remembers the last of what was written to it. Its zero value remembers 16 KiB. Safe for concurrent use.
type Tail struct {
	mu sync.Mutex
	b  []byte
}

const tail = 16 << 10

// Write never fails.
func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b[max(0, len(b)-tail):]...)
	if over := len(t.b) - tail; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(b), nil
}

// Take returns what is remembered, and forgets it.
func (t *Tail) Take() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := string(t.b)
	t.b = t.b[:0]
	return s
}
