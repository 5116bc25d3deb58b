package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// drills are the documents whose tables name tests, and how many rows each has at least.
var drills = map[string]int{"firmware/doc/TAMPER.md": 25, "firmware/doc/adr/time.md": 8}

// named matches a test as the tables name it: the package's folder, the function, and a word of its table if it has one.
var named = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)\\w+)(?:/([^`]+))?`")

// TestDrillsHaveTests: every row of a table of drills names a test, and every test named exists.
func TestDrillsHaveTests(t *testing.T) {
	for file, least := range drills {
		text, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		rows, wrong := check("../..", string(text))
		for _, w := range wrong {
			t.Errorf("%s: %s", file, w)
		}
		if rows < least {
			t.Errorf("%s: %d drills, want %d or more", file, rows, least)
		}
	}
}

// check reads the tables whose last column is called test, and returns how many rows they have and what is wrong with them.
func check(root, text string) (rows int, wrong []string) {
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		cells := strings.Split(strings.Trim(line, "|"), "|")
		last := strings.TrimSpace(cells[len(cells)-1])
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case last == "test":
			inside = true
		case inside && strings.Trim(last, "-") != "":
			rows++
			tests := named.FindAllStringSubmatch(last, -1)
			if len(tests) == 0 {
				wrong = append(wrong, "no test in "+line)
			}
			for _, m := range tests {
				if err := exists(filepath.Join(root, m[1]), m[2], m[3]); err != nil {
					wrong = append(wrong, err.Error())
				}
			}
		}
	}
	return rows, wrong
}

// exists looks in dir's test files for a function of that name, and in it for a string that is word.
func exists(dir, name, word string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || f.Name.Name != name {
				continue
			}
			if word == "" || says(f, word) {
				return nil
			}
			return fmt.Errorf("%s in %s has no case %q", name, file, word)
		}
	}
	return fmt.Errorf("no test %s in %s", name, dir)
}

func says(f *ast.FuncDecl, word string) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			s, err := strconv.Unquote(l.Value)
			found = found || err == nil && s == word
		}
		return !found
	})
	return found
}

// TestDrillsBite shows that a table that has rotted is found.
func TestDrillsBite(t *testing.T) {
	const text = "| drill | test |\n|---|---|\n" +
		"| good | `tools/archtest.TestTopLevel/firmware`, `tools/archtest.TestArrows` |\n" +
		"| none | later |\n| gone | `tools/archtest.TestGone` |\n| no such case | `tools/archtest.TestArrows/xyzzy` |\n" +
		"\n| other | table |\n|---|---|\n| a | b |\n"
	if rows, wrong := check("../..", text); rows != 4 || len(wrong) != 3 {
		t.Errorf("%d rows, wrong: %q; want 4 rows and 3 that are wrong", rows, wrong)
	}
}
