package kmod

import (
	"maps"
	"path"
	"slices"
	"strings"

	"cafeprobe/firmware/image/fdt"
)

// Need is a device of a device tree, with the modules that drive it.
type Need struct {
	Path       string   // of the node
	Compatible string   // the string of the node that they match
	Modules    []string // none of them built in
}

// Index has the modules of each compatible string.
type Index map[string][]string

// NewIndex makes an index of Aliases' result.
func NewIndex(aliases map[string][]string) Index {
	x := Index{}
	for _, name := range slices.Sorted(maps.Keys(aliases)) {
		for _, pattern := range aliases[name] {
			// of:N<name>T<type>C<compatible>, with a * for what may be anything (scripts/mod/file2alias.c).
			_, c, ok := strings.Cut(pattern, "C")
			if !strings.HasPrefix(pattern, "of:") || !ok {
				continue
			}
			c = strings.TrimSuffix(c, "C*")
			if !slices.Contains(x[c], name) {
				x[c] = append(x[c], name)
			}
		}
	}
	return x
}

// Needs returns the enabled devices of a tree that a module drives and nothing that is built in. Of a node's strings the first
// that anything matches counts, as for Linux.
func (s *Set) Needs(x Index, tree *fdt.Node) []Need {
	var list []Need
	var walk func(at string, n *fdt.Node)
	walk = func(at string, n *fdt.Node) {
		if v := n.Strings("status"); v != nil && v[0] != "okay" && v[0] != "ok" {
			return // and all below it
		}
		for _, c := range n.Strings("compatible") {
			if m := x[c]; m != nil {
				if !slices.ContainsFunc(m, s.Builtin) {
					list = append(list, Need{Path: at, Compatible: c, Modules: m})
				}
				break
			}
		}
		for _, c := range n.Nodes {
			walk(path.Join(at, c.Name), c)
		}
	}
	walk("/", tree)
	return list
}

// Folder returns where in the kernel's source a module is of: drivers/net/phy. Empty for what is built in.
func (s *Set) Folder(name string) string {
	dir := path.Dir(strings.TrimPrefix(s.files[Name(name)], s.dir))
	return strings.TrimPrefix(strings.TrimPrefix(dir, "/"), "kernel/")
}
