// Package kmod finds kernel modules and the order to load them in, from what the modules themselves say (modinfo(8)): Debian's
// packages have no modules.dep, which depmod writes where they are installed, and the box has no modprobe.
package kmod

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/ulikunitz/xz"
)

// Set is the modules of one kernel.
type Set struct {
	dir     string            // .../lib/modules/RELEASE
	files   map[string]string // module's name → file below dir
	builtin map[string]bool   // names
	aliases []string          // of what is built in: "name pattern"
}

// Module is one that is to be loaded.
type Module struct {
	Name string // with underscores
	File string // base name, without what it was compressed with: virtio_blk.ko
	Data []byte // ELF, not compressed
}

// Name returns a module's name: as the kernel has it, with underscores, of a file's or a list's name.
func Name(s string) string {
	s = path.Base(s)
	if i := strings.Index(s, ".ko"); i >= 0 {
		s = s[:i]
	}
	return strings.ReplaceAll(s, "-", "_")
}

// Open reads which modules dir has, a folder lib/modules/RELEASE as the kernel's package brings it.
func Open(dir string) (*Set, error) {
	s := &Set{dir: dir, files: map[string]string{}, builtin: map[string]bool{}}
	err := filepath.WalkDir(filepath.Join(dir, "kernel"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(d.Name(), ".ko") {
			s.files[Name(d.Name())] = p
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the kernel's modules: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	for l := range strings.Lines(string(b)) {
		s.builtin[Name(strings.TrimSpace(l))] = true
	}
	info, err := os.ReadFile(filepath.Join(dir, "modules.builtin.modinfo"))
	if err != nil {
		return nil, err
	}
	for e := range strings.SplitSeq(string(info), "\x00") {
		key, v, _ := strings.Cut(e, "=")
		if name, ok := strings.CutSuffix(key, ".alias"); ok {
			s.aliases = append(s.aliases, Name(name)+" "+v)
		}
	}
	return s, nil
}

// ErrNoModule is wrapped by Resolve's error for a name that is neither a module nor built in.
var ErrNoModule = errors.New("kmod: no such module")

// Resolve returns names and all they depend on, each after what it depends on, otherwise in the order of names. What is built
// in is left out.
func (s *Set) Resolve(names []string) ([]Module, error) {
	var list []Module
	seen := map[string]bool{}
	var add func(name, why string) error
	add = func(name, why string) error {
		name = Name(name)
		if seen[name] || s.builtin[name] {
			return nil
		}
		seen[name] = true
		file, ok := s.files[name]
		if !ok {
			return fmt.Errorf("%w: %s (%s)", ErrNoModule, name, why)
		}
		data, err := read(file)
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		info, err := Info(data)
		if err != nil {
			return fmt.Errorf("read what %s says of itself: %w", file, err)
		}
		for _, d := range info.Depends {
			if err := add(d, "which "+name+" depends on"); err != nil {
				return err
			}
		}
		list = append(list, Module{Name: name, File: base(file), Data: data})
		return nil
	}
	for _, n := range names {
		if err := add(n, "in the board's list"); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Builtin says whether a module is part of the kernel itself.
func (s *Set) Builtin(name string) bool { return s.builtin[Name(name)] }

// Aliases returns the aliases of each module and of what is built in. It reads every module, on all cores: a minute.
func (s *Set) Aliases() (map[string][]string, error) {
	list := map[string][]string{}
	for _, a := range s.aliases {
		name, pattern, _ := strings.Cut(a, " ")
		list[name] = append(list[name], pattern)
	}
	names := slices.Sorted(maps.Keys(s.files))
	facts, errs := make([]Facts, len(names)), make([]error, len(names))
	var wait sync.WaitGroup
	for start := range runtime.NumCPU() {
		wait.Go(func() {
			for i := start; i < len(names); i += runtime.NumCPU() {
				facts[i], errs[i] = s.facts(names[i])
			}
		})
	}
	wait.Wait()
	for i, n := range names {
		list[n] = append(list[n], facts[i].Aliases...)
	}
	return list, errors.Join(errs...)
}

func (s *Set) facts(name string) (Facts, error) {
	data, err := read(s.files[name])
	if err != nil {
		return Facts{}, fmt.Errorf("read %s: %w", s.files[name], err)
	}
	info, err := Info(data)
	if err != nil {
		return info, fmt.Errorf("read what %s says of itself: %w", s.files[name], err)
	}
	return info, nil
}

// Facts are what a module says of itself.
type Facts struct {
	Depends []string
	Aliases []string
}

// Info reads the section .modinfo of a module: strings "key=value" with a NUL behind each.
func Info(module []byte) (Facts, error) {
	var facts Facts
	f, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return facts, err
	}
	section := f.Section(".modinfo")
	if section == nil {
		return facts, errors.New("no section .modinfo")
	}
	b, err := section.Data()
	if err != nil {
		return facts, err
	}
	for e := range strings.SplitSeq(string(b), "\x00") {
		switch key, v, _ := strings.Cut(e, "="); key {
		case "depends":
			if v != "" {
				facts.Depends = append(facts.Depends, strings.Split(v, ",")...)
			}
		case "alias":
			facts.Aliases = append(facts.Aliases, v)
		}
	}
	return facts, nil
}

// maxModule bounds what a module may unpack to; the largest of Debian's has 9 MB.
const maxModule = 64 << 20

func read(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil || !strings.HasSuffix(file, ".xz") {
		return b, err
	}
	r, err := xz.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, maxModule))
}

func base(file string) string { return strings.TrimSuffix(filepath.Base(file), ".xz") }
