package state

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestBuiltin(t *testing.T) {
	p := Builtin()
	if got := p.String(); got != builtin {
		t.Error("params.tsv, read and written, is not what it was")
	}
	for from := range phases {
		sum := 0.0
		for _, x := range p.step[from] {
			sum += x
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("steps from %s sum to %v", phaseNames[from], sum)
		}
	}
	for _, twins := range [][2]phase{{quiet, read}, {open, lobby}} {
		for f := range features {
			if f == lockedSign {
				continue // what is locked nobody uses
			}
			for b := range maxBuckets {
				if x := &p.show[Full-Broadcasts][f][b]; x[twins[0]] != x[twins[1]] {
					t.Errorf("twins %s and %s differ in %s", phaseNames[twins[0]], phaseNames[twins[1]], featureNames[f])
				}
			}
		}
	}
}

func TestParse(t *testing.T) {
	f := func(name, old, new, want string) {
		t.Helper()
		if !strings.Contains(builtin, old) {
			t.Fatalf("%s: params.tsv has no %q", name, old)
		}
		_, err := Parse(strings.Replace(builtin, old, new, 1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
	line := func(row string) string {
		at := strings.Index(builtin, row)
		return "line " + strconv.Itoa(1+strings.Count(builtin[:max(at, 0)], "\n"))
	}
	row := "Full\tcpu\tyes\tBOOTING\t0.85"
	f("a number that is none", row, strings.Replace(row, "0.85", "NaN", 1), line(row))
	f("a number too large", row, strings.Replace(row, "0.85", "1.5", 1), line(row))
	f("a bucket that is none", row, strings.Replace(row, "yes", "no", 1), line(row))
	f("a state that is none", row, strings.Replace(row, "BOOTING", "ASLEEP", 1), line(row))
	f("a view that is none", row, strings.Replace(row, "Full", "Blind", 1), line(row))
	f("a feature that is none", row, strings.Replace(row, "cpu", "gpu", 1), line(row))
	f("a row that is double", row, strings.Replace(row, "BOOTING", "OFF", 1), line(row))
	f("a row that is missing", row, "#", "no row cpu yes of BOOTING for view Full")
	row = "Full\tsent\t64-255\tOFF\t0.001"
	f("a sum that is not 1", row, strings.Replace(row, "0.001", "0.1", 1), "the values of sent of OFF sum to 1.09")
	f("states that overlap in part", row, strings.Replace(row, "OFF", "OFF,BOOTING", 1), "overlap")
	row = "-\tdwell\t-\tBOOTING\t2"
	f("a dwell below a minute", row, strings.Replace(row, "2", "0.5", 1), line(row))
	f("a dwell that is missing", row, "#", "no row dwell of BOOTING")
	row = "-\tnext\tIN_USE.read\tIN_USE.browse\t0.3"
	f("shares that do not sum to 1", row, strings.Replace(row, "0.3", "0.22", 1), "next of IN_USE.browse")
	f("a step to itself", row, "-\tnext\tIN_USE.browse\tIN_USE.browse\t0.3", line(row))
	row = "Broadcasts\tceiling\t-\tIN_USE\t0.7"
	f("no ceiling", row, "#", "no row ceiling")
	f("a source that is missing", "\tdesign: grade C", "\t", "no source")
	f("columns that are missing", "\tdesign: grade C", "", "5 columns")
	f("a line too long", "design: grade C", strings.Repeat("x", maxLine), "octets, at most")
	row = "Full\tsilence\tweight\t-\t0.5"
	f("a weight that is missing", row, "#", "no row silence weight for view Full")
	row = "Full\tsilence\t2\tON_IDLE.quiet"
	f("silence of other states", row, "Full\tsilence\t2\tON_IDLE.busy,ON_IDLE.quiet", "line")
	if _, err := Parse(strings.Repeat("#\n", maxText)); err == nil {
		t.Error("a text that is too long is taken")
	}
	if _, err := Parse(""); err == nil {
		t.Error("nothing is taken for parameters")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(builtin)
	f.Add("Full\tsent\t0\tOFF\t0.9\tx")
	f.Add("-\tnext\tOFF\tBOOTING\t1\tx\n-\tdwell\t-\tOFF\t1\tx")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		if _, err := Parse(p.String()); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		m := New(p)
		for _, x := range newDay(Full).off(3).boot().browse(3).play(20).minutes {
			if s, ok := m.Step(x); ok {
				check(t, &s)
			}
		}
	})
}
