package plot

import (
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrite: the figures are in the CSV, the line is where they are, and the picture is one.
func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	p := Plot{
		Title: "a < b", Axis: "days", Times: []float64{0, 1, 2},
		Rows: []Panel{{"heap", "MB", []float64{0, 5, 10}, 0, nil}, {"spool", "MB", []float64{8, 8.5, 256}, 256, nil}},
	}
	_, missing := exec.LookPath("chromium")
	if err := p.Write(t.Context(), dir, "x"); (err != nil) != (missing != nil) {
		t.Fatalf("%v, want an error only without chromium, which is found with: %v", err, missing)
	}
	text, err := os.ReadFile(filepath.Join(dir, "x.csv"))
	if want := "days,heap (MB),spool (MB)\n0,0,8\n1,5,8.5\n2,10,256\n"; err != nil || string(text) != want {
		t.Errorf("csv %q, %v, want %q", text, err, want)
	}
	// From 0 at the panel's lower edge (y 230) to 10, its largest tick, at the upper one (y 60).
	if svg := p.svg(); !strings.Contains(svg, `points="60.0,230.0 450.0,145.0 840.0,60.0 "`) || !strings.Contains(svg, "a &lt; b") {
		t.Errorf("the line is not where it should be:\n%s", svg)
	}
	if missing == nil {
		picture, err := os.Open(filepath.Join(dir, "x.png"))
		if err != nil {
			t.Fatal(err)
		}
		defer picture.Close()
		if c, err := png.DecodeConfig(picture); err != nil || c.Width != width || c.Height != p.height() {
			t.Errorf("%d x %d, %v, want %d x %d", c.Width, c.Height, err, width, p.height())
		}
	}
}

// TestUneven: what is not a row of figures is not drawn.
func TestUneven(t *testing.T) {
	p := Plot{Times: []float64{0, 1}, Rows: []Panel{{"heap", "MB", []float64{1}, 0, nil}}}
	if err := p.Write(t.Context(), t.TempDir(), "x"); err == nil {
		t.Error("one value at two times: drawn")
	}
}
