package image

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cafeprobe/firmware/image/parts"
)

// Manifest says what an image was made of and what was made: manifest.json.
type Manifest struct {
	Release Release  `json:"release"`
	Files   []Sum    `json:"files"`   // what was made
	Parts   []Debian `json:"parts"`   // Debian's packages
	Modules []Module `json:"modules"` // Go modules that are linked into what runs on the box
	Inside  []Sum    `json:"inside"`  // what of them is in a slot, and the programs of this module
}

// Sum is a file with its hash.
type Sum struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Debian is a binary package.
type Debian struct {
	Name    string `json:"name"`
	Arch    string `json:"arch"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // of the .deb
}

// Module is a Go module; Hash is go.sum's "h1:" hash of it. The Go release itself is module "go" and has none.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Hash    string `json:"hash,omitempty"`
}

// finish writes the files that were made in memory, the manifest and the SBOM.
func (b *build) finish() (*Manifest, error) {
	m := &Manifest{Release: b.sys.release}
	for _, p := range b.list {
		m.Parts = append(m.Parts, Debian{p.Package, p.Arch, p.Version, p.SHA256})
	}
	if b.own != nil {
		// What make uboot took, by the same list.
		wants := []parts.Want{{Name: "u-boot", Arch: "source"}, {Name: "u-boot", Arch: "source-debian"}}
		if b.model.Loader.Monitor != "" {
			wants = append(wants, parts.Want{Name: "arm-trusted-firmware", Arch: b.model.Arch})
		}
		listed, err := parts.Listed(b.Lock, wants)
		if err != nil {
			return nil, err
		}
		for _, p := range listed {
			m.Parts = append(m.Parts, Debian{p.Package, p.Arch, p.Version, p.SHA256})
		}
	}
	var err error
	if m.Modules, err = goModules(b.sys.init, b.sys.daemon, b.sys.updater); err != nil {
		return nil, err
	}
	m.Inside = b.inside()
	for name, data := range b.files {
		if err := os.WriteFile(filepath.Join(b.Out, name), data, 0o644); err != nil {
			return nil, err
		}
		m.Files = append(m.Files, Sum{name, int64(len(data)), sum(data)})
	}
	card, err := sumFile(filepath.Join(b.Out, DiskFile))
	if err != nil {
		return nil, err
	}
	m.Files = append(m.Files, card)
	slices.SortFunc(m.Files, func(x, y Sum) int { return strings.Compare(x.Name, y.Name) })
	for name, v := range map[string]any{ManifestFile: m, SBOMFile: sbom(m)} {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(b.Out, name), append(text, '\n'), 0o644); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// inside lists what a slot holds, before it was compressed.
func (b *build) inside() []Sum {
	list := []Sum{of("kernel", b.kernel), of("init", b.sys.init), of("bin/cafeprobed", b.sys.daemon), of("bin/updater", b.sys.updater), of("bin/e2fsck", b.sys.fsck)}
	if b.tree != nil {
		list = append(list, of(b.model.Tree, b.tree))
	}
	if b.own != nil {
		list = append(list, of(b.model.Loader.File, b.own))
	}
	for _, m := range b.sys.modules {
		list = append(list, of("lib/modules/"+m.File, m.Data))
	}
	return list
}

func of(name string, data []byte) Sum { return Sum{name, int64(len(data)), sum(data)} }

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func sumFile(path string) (Sum, error) {
	b, err := os.ReadFile(path)
	return of(filepath.Base(path), b), err
}

// goModules returns what programs are linked of, by path.
func goModules(programs ...[]byte) ([]Module, error) {
	seen := map[string]Module{}
	for _, p := range programs {
		info, err := buildinfo.Read(bytes.NewReader(p))
		if err != nil {
			return nil, fmt.Errorf("read what a program is linked of: %w", err)
		}
		seen["go"] = Module{"go", strings.TrimPrefix(info.GoVersion, "go"), ""}
		for _, d := range info.Deps {
			if d.Replace != nil {
				d = d.Replace
			}
			seen[d.Path] = Module{d.Path, d.Version, d.Sum}
		}
	}
	list := make([]Module, 0, len(seen))
	for _, m := range seen {
		list = append(list, m)
	}
	slices.SortFunc(list, func(x, y Module) int { return strings.Compare(x.Path, y.Path) })
	return list, nil
}
