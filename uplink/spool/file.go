package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// state is the file state.json: what must survive the loss of the newest generation. It is written at each start and each
// new generation, a few times a day.
type state struct {
	Chain uplink.ChainID `json:"chain"`
	Boot  uint64         `json:"boot"`
	First uint64         `json:"first"` // of the newest generation
	Prev  uplink.Hash    `json:"prev"`  // the head before it
}

const stateFile = "state.json"

func readState(dir string) (st state, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, false, nil
	}
	if err != nil {
		return state{}, false, fmt.Errorf("read state: %w", err)
	}
	if err := json.Unmarshal(b, &st); err != nil {
		return state{}, false, nil // as good as lost; what the generations say is all there is
	}
	return st, true, nil
}

func (st state) write(dir string) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, stateFile), append(b, '\n'))
}
