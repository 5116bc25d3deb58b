package parts

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// Kinds of the files of a source package (dsc(5)), as the list has them for architecture.
const (
	original = "source"
	changes  = "source-debian"
)

// Source returns a folder with the source of a Debian package, with Debian's patches. apt has compared the files with the
// archive's signed list; the .dsc, which says the same, is not needed.
func (s *Store) Source(ctx context.Context, name string) (string, error) {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return "", err
	}
	s.Dir = dir
	l, err := readLock(s.Lock)
	if err != nil {
		return "", err
	}
	files := make([]Part, 2)
	held := !s.Refresh
	for i, kind := range []string{original, changes} {
		p, ok := l.find(Want{name, kind})
		p.File = filepath.Join(s.Dir, "deb", p.Package)
		sum, err := hash(p.File)
		held = held && ok && err == nil && sum == p.SHA256
		files[i] = p
	}
	if !held {
		if files, err = s.fetchSource(ctx, name); err != nil {
			return "", fmt.Errorf("%w: source of %s: %w", ErrUnavailable, name, err)
		}
		for _, p := range files {
			if old, ok := l.find(p.Want); ok && old.SHA256 != p.SHA256 {
				s.changed(old, p)
			}
			l.put(p)
		}
		if err := os.WriteFile(s.Lock, l.text(), 0o644); err != nil {
			return "", err
		}
	}
	return s.unpackSource(ctx, name, files[0], files[1])
}

func (s *Store) fetchSource(ctx context.Context, name string) ([]Part, error) {
	a := archive{dir: filepath.Join(s.Dir, "apt")}
	if err := a.open(ctx); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(a.dir, "get-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	_, failed := a.run(ctx, tmp, "apt-get", "-q", "source", "--download-only", name)
	var list []Part
	for _, f := range []struct{ kind, pattern string }{{original, "*.orig.tar.*[a-z2]"}, {changes, "*.debian.tar.*"}} {
		found, err := filepath.Glob(filepath.Join(tmp, f.pattern))
		if err != nil {
			return nil, err
		}
		file := ""
		for _, g := range found {
			if !strings.HasSuffix(g, ".asc") {
				file = g
			}
		}
		if file == "" {
			return nil, fmt.Errorf("no file %s: %w", f.pattern, failed)
		}
		sum, err := hash(file)
		if err != nil {
			return nil, err
		}
		base := filepath.Base(file)
		version := strings.TrimPrefix(base[:strings.Index(base, ".tar.")], name+"_")
		to := filepath.Join(s.Dir, "deb", base)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return nil, err
		}
		if err := os.Rename(file, to); err != nil {
			return nil, err
		}
		version = strings.TrimSuffix(strings.TrimSuffix(version, ".orig"), ".debian")
		list = append(list, Part{Want: Want{name, f.kind}, Package: base, Version: version, SHA256: sum, File: to})
	}
	return list, nil
}

func (s *Store) unpackSource(ctx context.Context, name string, orig, debian Part) (string, error) {
	to := filepath.Join(s.Dir, "tree", name+"_source_"+orig.SHA256[:8]+debian.SHA256[:8])
	if _, err := os.Stat(to); err == nil {
		return to, nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(to), "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if _, err := output(ctx, tmp, nil, "tar", "-xf", orig.File, "--strip-components=1"); err != nil {
		return "", err
	}
	if _, err := output(ctx, tmp, nil, "tar", "-xf", debian.File); err != nil {
		return "", err
	}
	series, err := os.ReadFile(filepath.Join(tmp, "debian/patches/series"))
	if err != nil {
		return "", err
	}
	for l := range strings.Lines(string(series)) {
		if l, _, _ = strings.Cut(l, "#"); strings.TrimSpace(l) == "" {
			continue
		}
		patch := filepath.Join("debian/patches", strings.Fields(l)[0])
		if _, err := output(ctx, tmp, nil, "patch", "-s", "-p1", "-i", patch); err != nil {
			return "", err
		}
	}
	return to, os.Rename(tmp, to)
}
