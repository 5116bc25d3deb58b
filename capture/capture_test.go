package capture

import (
	"reflect"
	"testing"
)

func TestMAC(t *testing.T) {
	f := func(s string, ok bool) {
		t.Helper()
		m, got := ParseMAC(s)
		if got != ok {
			t.Errorf("ParseMAC(%q) ok = %v, want %v", s, got, ok)
		}
		if ok && m.String() != s {
			t.Errorf("ParseMAC(%q).String() = %q", s, m)
		}
	}
	f("2c:f0:5d:10:00:01", true)
	f("2c-f0-5d-10-00-01", false)
	f("2c:f0:5d:10:00:0", false)
	f("2c:f0:5d:10:00:0g", false)
	f("", false)
}

// TestObservationHoldsNoOctets walks the type: a payload cannot cross from the hot side to the slow side.
func TestObservationHoldsNoOctets(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(path string, ty reflect.Type)
	walk = func(path string, ty reflect.Type) {
		if seen[ty] || ty.PkgPath() == "net/netip" {
			return
		}
		seen[ty] = true
		switch ty.Kind() {
		case reflect.Slice, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface:
			t.Errorf("%s is a %s: an Observation may hold values only", path, ty)
		case reflect.Pointer:
			walk(path, ty.Elem())
		case reflect.Struct:
			for i := range ty.NumField() {
				walk(path+"."+ty.Field(i).Name, ty.Field(i).Type)
			}
		}
	}
	walk("Observation", reflect.TypeFor[Observation]())
}

func TestNamesComplete(t *testing.T) {
	if got, want := len(originNames), int(OriginCDP)+1; got != want {
		t.Errorf("originNames has %d names, want %d", got, want)
	}
}
