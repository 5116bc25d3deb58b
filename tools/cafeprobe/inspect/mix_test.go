package inspect

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/tools/mix"
)

// TestMix: of a full café every station is found, none besides, each is what it is, and nothing is damaged or lost; also
// in a flood of flows of one frame, from made-up addresses, which come from every station and go to every one.
func TestMix(t *testing.T) {
	const frames, flood = 80_000, 40_000
	f := func(name string, flood int) *Document {
		t.Helper()
		src, err := mix.New(mix.Config{Captures: capturetest.Shared(t), Seed: 1, Frames: frames, Flood: flood, Rate: 10e6})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "mix.pcap")
		write(t, path, src)
		doc, err := Run(t.Context(), Config{}, path)
		if err != nil {
			t.Fatal(err)
		}
		roles := map[string]int{}
		for _, s := range doc.Stations {
			roles[s.Role]++
		}
		// Until they boot, stations open connections as the captures do that they are made of, some of phones.
		if roles["pc"]+roles["unknown"]+roles["phone"] != 100 || roles["phone"] > 10 || roles["pc"] < 40 ||
			roles["router"] != 1 || roles["server"] != 1 || len(doc.Stations) != 102 {
			t.Errorf("%s: roles %v, want 100 that are pc or have not booted yet, a router and a server", name, roles)
		}
		if doc.Capture.Frames != uint64(frames+flood) || doc.Capture.Malformed != 0 || doc.Capture.Damaged != 0 {
			t.Errorf("%s: %+v, want %d frames and none damaged", name, doc.Capture, frames+flood)
		}
		return doc
	}
	doc := f("calm", 0)
	if doc.Vantage.Grade != "A+" || doc.Vantage.Loss == nil || doc.Vantage.Loss.Share > 0.001 {
		t.Errorf("vantage %+v, loss %+v, want A+ and none", doc.Vantage, doc.Vantage.Loss)
	}
	f("flooded", flood)
}

func write(t *testing.T, path string, src capture.Source) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	buf := bufio.NewWriter(file)
	w, err := pcapfile.NewWriter(buf, capture.LinkEthernet)
	if err != nil {
		t.Fatal(err)
	}
	var f capture.Frame
	for {
		err := src.Next(&f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = w.Write(&f)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := buf.Flush(); err != nil {
		t.Fatal(err)
	}
}
