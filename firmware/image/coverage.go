package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cafeprobe/firmware/image/fdt"
	"cafeprobe/firmware/image/kmod"
)

// Missing returns the enabled devices of a device tree that no module of list drives, though the kernel has one, and whose
// drivers are in none of the folders of the kernel's source that unused names.
func Missing(set *kmod.Set, index kmod.Index, tree *fdt.Node, list []kmod.Module, unused []string) []kmod.Need {
	return slices.DeleteFunc(set.Needs(index, tree), func(n kmod.Need) bool {
		return slices.ContainsFunc(n.Modules, func(name string) bool {
			folder := set.Folder(name) + "/" + name + "/"
			return slices.ContainsFunc(list, func(m kmod.Module) bool { return m.Name == name }) ||
				slices.ContainsFunc(unused, func(u string) bool { return strings.HasPrefix(folder, u+"/") })
		})
	})
}

// Unused reads board/unused.list.
func Unused(dir string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "unused.list"))
	if err != nil {
		return nil, err
	}
	var list []string
	for l := range strings.Lines(string(text)) {
		l, _, _ = strings.Cut(l, "#")
		list = append(list, strings.Fields(l)...)
	}
	return list, nil
}

// index returns the index of a kernel's modules, and keeps it in the store by the hash of the kernel's package.
func index(store, sha256 string, set *kmod.Set) (kmod.Index, error) {
	path := filepath.Join(store, "index", sha256+".json")
	text, err := os.ReadFile(path)
	if err == nil {
		var x kmod.Index
		return x, json.NewDecoder(bytes.NewReader(text)).Decode(&x)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	aliases, err := set.Aliases()
	if err != nil {
		return nil, err
	}
	x := kmod.NewIndex(aliases)
	if text, err = json.Marshal(x); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return x, os.WriteFile(path, text, 0o644)
}
