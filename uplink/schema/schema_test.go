package schema

import (
	"slices"
	"testing"

	"cafeprobe/uplink"
)

// TestAll: each kind and each message has its schema, with a title, and fields in the file's order, also those within fields.
func TestAll(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Schema{}
	for _, s := range all {
		if s.Title == "" || len(s.Fields) == 0 {
			t.Errorf("%s: title %q, %d fields", s.Name, s.Title, len(s.Fields))
		}
		by[s.Name] = s
	}
	for _, k := range uplink.Kinds() {
		if by[string(k)].Name == "" {
			t.Errorf("no schema of %s", k)
		}
	}
	names := func(fs []Field) (out []string) {
		for _, f := range fs {
			out = append(out, f.Name)
		}
		return out
	}
	if got := names(by["blind"].Fields); !slices.Equal(got, []string{"k", "m", "t", "tq", "blind", "why"}) {
		t.Errorf("blind has %v", got)
	}
	mix := by["title"].Fields[len(by["title"].Fields)-1]
	if got := names(mix.Fields); mix.Name != "mix" || !slices.Equal(got, []string{"title", "min", "sts"}) {
		t.Errorf("title's %s has %v", mix.Name, got)
	}
	if got := by["blind"].Fields[1].Description; got != "milliseconds since the box booted" {
		t.Errorf("m is %q", got)
	}
}
