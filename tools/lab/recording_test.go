package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cafeprobe/capture/capturetest"
	"cafeprobe/tools/sim"

	"github.com/google/gopacket/pcapgo"
	"github.com/klauspost/compress/zstd"
)

// TestRecordedTruths: the committed morning's truth says the same in both of its forms.
func TestRecordedTruths(t *testing.T) {
	path, known := capturetest.Day(t)
	var want, got []string
	for _, f := range rowsOf(recordedTruth(t, path)) {
		want = append(want, f.kind+" "+f.key+" "+f.value)
	}
	for _, f := range known {
		if slices.Contains([]string{"schedule_state", "schedule_session", "schedule_activity"}, f.Kind) {
			got = append(got, f.Kind+" "+f.Key+" "+f.Value)
		}
	}
	if len(want) < 50 || !slices.Equal(got, want) {
		t.Errorf("day.truth.tsv has %d rows, day.truth.json %d, which are not the same", len(got), len(want))
	}
}

func recordedTruth(t *testing.T, capture string) *sim.Truth {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(capture), "day.truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	x := &sim.Truth{}
	if err := json.Unmarshal(text, x); err != nil {
		t.Fatal(err)
	}
	return x
}

// TestRecordedBlocks: every frame of the committed morning is within a stretch that was played, time was cut in no game,
// talk or download, and never from a frame to the next but between two stretches.
func TestRecordedBlocks(t *testing.T) {
	path, _ := capturetest.Day(t)
	blocks := recordedBlocks(t, path)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, err := zstd.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer zip.Close()
	r, err := pcapgo.NewNgReader(zip, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for n, b := 1, 0; ; n++ {
		_, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		at := info.Timestamp.UnixNano()
		for b < len(blocks)-1 && at > blocks[b].To {
			b++
		}
		if at < blocks[b].From || at > blocks[b].To {
			t.Fatalf("frame %d at %v is in no stretch that was played; the next is of %s", n, info.Timestamp, blocks[b])
		}
	}
	for _, s := range recordedTruth(t, path).Stations {
		for _, a := range s.Activities {
			whole := func(b sim.Interval) bool { return b.From <= a.From && a.To <= b.To }
			if slices.Contains([]string{"game", "voice", "update"}, a.Word) && !slices.ContainsFunc(blocks, whole) {
				t.Errorf("%s of %s, %s: time was cut in it", a.Word, s.Name, a.Interval)
			}
		}
	}
}

// recordedBlocks reads day.blocks.tsv. Times are rounded there: a block is taken for a millisecond longer at both ends.
func recordedBlocks(t *testing.T, capture string) (list []sim.Interval) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(capture), "day.blocks.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var from, lasts, cut float64
		if n, _ := fmt.Sscanf(line, "%f\t%f\t%f", &from, &lasts, &cut); n == 3 {
			list = append(list, sim.Interval{From: int64((from - 0.002) * 1e9), To: int64((from + lasts + 0.002) * 1e9)})
		}
	}
	if len(list) < 100 {
		t.Fatalf("%d blocks, want at least 100", len(list))
	}
	return list
}
