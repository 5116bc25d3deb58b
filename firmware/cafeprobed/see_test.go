package main

import (
	"testing"

	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/pipeline"
)

// TestSee: a mirror that proves itself is believed at once; any other vantage when it was told of for the first time.
func TestSee(t *testing.T) {
	path, _ := capturetest.Cafe(t)
	src, err := pcapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	p := pipeline.New(pipeline.Config{Live: true})
	var early health.Inputs
	if see(&early, "", p); early.Grade != "" || early.Seen != nil {
		t.Errorf("before a frame: %q, %+v, want nothing", early.Grade, early.Seen)
	}
	if err := p.Run(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	for _, told := range []string{"", "C"} {
		var in health.Inputs
		see(&in, told, p)
		want := string(p.Sight().Vantage.Grade)
		if told == "" && want != "A" && want != "A+" {
			want = ""
		}
		if in.Grade != want || in.Seen == nil || in.Seen.PCs == 0 || in.Seen.Frames == 0 || in.Seen.Group > in.Seen.Frames {
			t.Errorf("told %q: %q, %+v, want %q and numbers", told, in.Grade, in.Seen, want)
		}
	}
}
