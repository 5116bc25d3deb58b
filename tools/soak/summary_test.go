package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// lines are of `go test -json` of go 1.26: a test with figures of its own and of a subtest, one that is skipped.
const lines = `{"Action":"run","Package":"cafeprobe/a/b","Test":"TestX"}
{"Action":"output","Package":"cafeprobe/a/b","Test":"TestX","Output":"    x_test.go:1: said\n"}
{"Action":"attr","Package":"cafeprobe/a/b","Test":"TestX","Key":"other","Value":"not ours"}
{"Action":"attr","Package":"cafeprobe/a/b","Test":"TestX/busy","Key":"cafeprobe-hold","Value":"{\"what\":\"a day\",\"got\":523,\"sign\":\"<=\",\"limit\":700,\"unit\":\"KB\",\"ok\":true}"}
{"Action":"pass","Package":"cafeprobe/a/b","Test":"TestX/busy","Elapsed":9}
{"Action":"pass","Package":"cafeprobe/a/b","Test":"TestX","Elapsed":12.34}
{"Action":"attr","Package":"cafeprobe/other","Test":"TestX","Key":"cafeprobe-hold","Value":"{}"}
{"Action":"fail","Package":"cafeprobe/other","Test":"TestX","Elapsed":1}
{"Action":"pass","Package":"cafeprobe/a/b","Elapsed":12.5}`

// TestTable: what `go test -json` says becomes the table; what did not run, or was skipped, is not passed.
func TestTable(t *testing.T) {
	f := func(name, more string, passed bool, rows ...string) {
		t.Helper()
		s := newSummary([]Long{{"a/b", "TestX", "x holds"}, {"a/b", "TestY", "y holds"}})
		var said, out bytes.Buffer
		for line := range strings.Lines(lines + "\n" + more) {
			text, err := s.take([]byte(line))
			if err != nil {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
			said.WriteString(text)
		}
		s.write(&out)
		got := strings.Join(strings.Fields(out.String()), " ")
		for _, row := range rows {
			if !strings.Contains(got, row) {
				t.Errorf("%s: got\n%s\nwant in it %q", name, out.String(), row)
			}
		}
		if s.passed() != passed || said.String() != "    x_test.go:1: said\n" {
			t.Errorf("%s: passed %v, said %q; want %v, and what the test said", name, s.passed(), said.String(), passed)
		}
	}
	const x = "a/b TestX x holds PASS 12.3s busy: a day <= 700 KB 523 KB PASS"
	f("one did not run", "", false, x, "a/b TestY y holds DID NOT RUN 0s")
	f("skipped", `{"Action":"skip","Package":"cafeprobe/a/b","Test":"TestY"}`, false, x, "TestY y holds SKIPPED")
	f("failed", `{"Action":"fail","Package":"cafeprobe/a/b","Test":"TestY","Elapsed":2}`, false, x, "TestY y holds FAIL 2s")
	f("passed", `{"Action":"pass","Package":"cafeprobe/a/b","Test":"TestY","Elapsed":2}`, true, x, "TestY y holds PASS 2s")
}

// TestLongsExist: a test that is renamed is not forgotten here.
func TestLongsExist(t *testing.T) {
	for _, pkg := range packages(Longs) {
		there := tests(t, filepath.Join("..", "..", pkg))
		for _, l := range Longs {
			if l.Package == pkg && !there[l.Test] {
				t.Errorf("%s has no %s: name it in Longs as it is called now", pkg, l.Test)
			}
		}
	}
}

// tests returns the names of the functions in dir's test files.
func tests(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("test files of %s: %v, %v, want some", dir, files, err)
	}
	there := map[string]bool{}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				there[fn.Name.Name] = true
			}
		}
	}
	return there
}
