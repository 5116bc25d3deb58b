package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "cafeprobe"

// pkg is what `go list -json` says of one package of this module.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func (p pkg) path() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

// packages lists the module's packages, also the one in a folder testdata, which ./... leaves out.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", module+"/...", module+"/capture/capturetest/testdata/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue
		}
		row := slices.IndexFunc(Arrows, func(a Arrow) bool { return match(a.From, p.path()) })
		if row < 0 {
			t.Errorf("%s has no row in Arrows: say what it may import", p.path())
			continue
		}
		for _, imp := range p.Imports {
			if why := forbidden(Arrows[row], imp); why != "" {
				t.Errorf("%s imports %s: %s", p.path(), imp, why)
			}
		}
	}
}

// forbidden says why a may not import path, or nothing.
func forbidden(a Arrow, path string) string {
	if inside, ok := strings.CutPrefix(path, module+"/"); ok {
		for _, pattern := range a.Inside {
			if match(pattern, inside) {
				return ""
			}
		}
		return "no arrow leads there"
	}
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") {
		return "" // standard library
	}
	for _, prefix := range a.Outside {
		if strings.HasPrefix(path, prefix) {
			return ""
		}
	}
	return "not one of its libraries"
}

func match(pattern, path string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	if base, ok := strings.CutSuffix(pattern, "/*"); ok {
		return filepath.Dir(path) == base
	}
	return pattern == path
}

func TestBans(t *testing.T) {
	list := packages(t)
	for _, ban := range Bans {
		i := slices.IndexFunc(list, func(p pkg) bool { return p.path() == ban.Package })
		if i < 0 {
			t.Errorf("Bans names %s, which is no package", ban.Package)
			continue
		}
		for _, name := range list[i].GoFiles {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, filepath.Join(list[i].Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range violations(ban, file) {
				t.Errorf("%s: %s (%s is %s)", fset.Position(v.pos), v.what, ban.Package, ban.Why)
			}
		}
	}
}

type violation struct {
	pos  token.Pos
	what string
}

func violations(ban Ban, file *ast.File) (found []violation) {
	for _, imp := range file.Imports {
		path, _ := strconv.Unquote(imp.Path.Value)
		if slices.Contains(ban.Imports, path) {
			found = append(found, violation{imp.Pos(), "imports " + path})
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if ban.Go {
				found = append(found, violation{n.Pos(), "starts a goroutine"})
			}
		case *ast.FuncDecl:
			if ban.Init && n.Recv == nil && n.Name.Name == "init" {
				found = append(found, violation{n.Pos(), "has an init function"})
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(ban.Calls, x.Name+"."+n.Sel.Name) {
				found = append(found, violation{n.Pos(), "names " + x.Name + "." + n.Sel.Name})
			}
		}
		return true
	})
	return found
}

// TestBansBite shows that each rule can fail.
func TestBansBite(t *testing.T) {
	const bad = `package p
import "os"
import "time"
func init() { go os.Exit(int(time.Now().Unix())) }`
	file, err := parser.ParseFile(token.NewFileSet(), "bad.go", bad, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ban := Ban{Imports: []string{"os"}, Calls: []string{"time.Now"}, Go: true, Init: true}
	if got := len(violations(ban, file)); got != 4 {
		t.Errorf("%d violations, want 4", got)
	}
	if forbidden(Arrow{Inside: []string{"capture"}}, module+"/uplink") == "" {
		t.Error("an import without an arrow passed")
	}
	if forbidden(Arrow{}, "github.com/x/y") == "" {
		t.Error("a library that is not listed passed")
	}
}

// TestNoCgo: what runs on the box links no cgo.
func TestNoCgo(t *testing.T) {
	for _, main := range BoxMains {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{if .CgoFiles}}{{.ImportPath}}{{end}}", module+"/"+main)
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list %s: %v", main, err)
		}
		for path := range strings.FieldsSeq(string(out)) {
			first, _, _ := strings.Cut(path, "/")
			if strings.Contains(first, ".") || first == module {
				t.Errorf("%s links %s, which needs cgo", main, path)
			}
		}
	}
}

// TestTopLevel: the customer fixed the folders.
func TestTopLevel(t *testing.T) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = strings.TrimSpace(string(root))
	files, err := cmd.Output()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("not a git checkout, and this is CI: %v", err)
		}
		t.Skipf("not a git checkout, so what belongs to the project cannot be listed: %v", err)
	}
	want := []string{"firmware", "board", "capture", "uplink", "tools", "go.mod", "go.sum", "Makefile", "README.md"}
	for file := range strings.FieldsSeq(string(files)) {
		top, _, _ := strings.Cut(file, "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(want, top) {
			t.Errorf("%s: %s is not one of the top-level names %v", file, top, want)
		}
	}
}
