package demo

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"cafeprobe/firmware/image/imagetest"
)

// TestEmulate: the image as it is made boots by U-Boot, or by a PC's firmware and systemd-boot, and by PID 1, enrols, hears the
// project's evening at its capture port, six times as fast as it was, and the province knows each station of it; nothing leaves the
// capture port from power-on to power-off.
func TestEmulate(t *testing.T) {
	long(t, "ten minutes (make e2e)")
	for _, board := range boards() {
		t.Run(board, func(t *testing.T) { emulate(t, board) })
	}
}

func emulate(t *testing.T, board string) {
	dir := t.TempDir()
	img := imagetest.Candidate(t, source, board)
	var out bytes.Buffer
	err := Emulate(t.Context(), Config{Dir: dir, Image: img, Console: dir + "/console.log", Speed: 6, Out: &out})
	t.Log("\n" + out.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`runs after [0-9.]+ s; slot a, trial false, data disk`, `11 stations: 7 pc, 1 cashier, 1 printer, 1 router, 1 server`, `, 0 came twice, 0 refused`,
		`silence  0 frames left the capture port since power-on`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("it does not say %q", want)
		}
	}
	console, err := os.ReadFile(dir + "/console.log")
	if err != nil || !strings.Contains(string(console), "Power down") {
		t.Errorf("the box does not end when its power button is pressed: %v", err)
	}
}
