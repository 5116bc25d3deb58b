package timeline

import (
	"bytes"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
)

func room(t testing.TB) []Timeline {
	t.Helper()
	r, err := sim.New(3101, sim.Options{Stations: 4, For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return Of(r, "3101")
}

// TestFile: what is saved is loaded.
func TestFile(t *testing.T) {
	list := room(t)
	list[0].Minutes[0].Signs = state.Boot | state.ScreenLocked
	if len(list) != 4 || len(list[0].Minutes) == 0 {
		t.Fatalf("%d timelines, want 4 with minutes", len(list))
	}
	for _, name := range []string{"x.json", "x.json.gz"} {
		path := filepath.Join(t.TempDir(), name)
		if err := Save(path, list); err != nil {
			t.Fatal(err)
		}
		got, err := Load(path)
		if err != nil || !reflect.DeepEqual(got, list) {
			t.Errorf("%s: loaded what was not saved: %v", name, err)
		}
	}
}

// TestUses: without sessions, the minutes' states say when somebody was there.
func TestUses(t *testing.T) {
	x := Timeline{States: []state.State{state.Use, state.Use, state.Idle, state.Use}}
	for i := range x.States {
		x.Minutes = append(x.Minutes, state.Minute{Start: int64(i+1) * minute})
	}
	want := []sim.Interval{{From: minute, To: 3 * minute}, {From: 4 * minute, To: 5 * minute}}
	if got := x.Uses(); !reflect.DeepEqual(got, want) {
		t.Errorf("in use %v, want %v", got, want)
	}
	x.Sessions = want[:1]
	if got := x.Uses(); !reflect.DeepEqual(got, want[:1]) {
		t.Errorf("in use %v, want %v", got, want[:1])
	}
}

func TestReadRefuses(t *testing.T) {
	f := func(name, text string) {
		t.Helper()
		if _, err := Read(strings.NewReader(text)); !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v, want ErrFile with its line", name, err)
		}
	}
	f("no JSON", "x")
	f("another version", `{"v":2}`)
	f("a view", `{"v":1,"minutes":[{"at":60000000000,"view":"All","state":"OFF"}]}`)
	f("a state", `{"v":1,"minutes":[{"at":60000000000,"view":"Full","state":"ON"}]}`)
	f("a sign", `{"v":1,"minutes":[{"at":60000000000,"view":"Full","state":"OFF","signs":["x"]}]}`)
	f("half a minute", `{"v":1,"minutes":[{"at":30000000000,"view":"Full","state":"OFF"}]}`)
}

// FuzzRead: what is read is written and read the same.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	list := room(f)[:1]
	list[0].Minutes, list[0].States = list[0].Minutes[:5], list[0].States[:5]
	if err := Write(&b, list); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := Write(&out, list); err != nil {
			t.Fatal(err)
		}
		if again, err := Read(&out); err != nil || len(again) != len(list) {
			t.Errorf("%d timelines read as %d: %v", len(list), len(again), err)
		}
	})
}
