package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"cafeprobe/firmware/cafe"
	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// mirrorFile is the name of the file in the spool's directory that holds what was learned of the mirror.
const mirrorFile = "mirror.json"

// maxMirrorFile is how many octets it may have.
const maxMirrorFile = 4096

// mirror is that file: what a chain's box has learned, which a box that is provisioned anew, for another café, has not.
type mirror struct {
	Chain   uplink.ChainID `json:"ch"`
	Settled bool           `json:"settled"`
	Few     bool           `json:"few,omitempty"`
	Lost    bool           `json:"lost"`
}

// loadMirror reads what the run before has learned, nothing where there is no file. One that cannot be read is logged: a box
// must start all the same, and learns it again.
func loadMirror(dir string, chain uplink.ChainID, log *slog.Logger) cafe.Mirror {
	path := filepath.Join(dir, mirrorFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return cafe.Mirror{}
	}
	var m mirror
	switch {
	case err != nil:
	case len(b) > maxMirrorFile:
		err = fmt.Errorf("%s: more than %d octets", path, maxMirrorFile)
	default:
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		log.Warn("what was learned of the mirror is lost", "error", err)
		return cafe.Mirror{}
	}
	if m.Chain != chain {
		return cafe.Mirror{}
	}
	return cafe.Mirror{Settled: m.Settled, Few: m.Few, Lost: m.Lost}
}

// saveMirror writes m, all or nothing.
func saveMirror(dir string, chain uplink.ChainID, m cafe.Mirror) error {
	b, err := json.Marshal(mirror{chain, m.Settled, m.Few, m.Lost})
	if err != nil {
		return fmt.Errorf("keep what was learned of the mirror: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, mirrorFile), append(b, '\n'))
}
