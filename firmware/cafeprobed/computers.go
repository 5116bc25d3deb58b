package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cafeprobe/capture"
	"cafeprobe/firmware/cafe"
	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
	"cafeprobe/uplink/spool"
)

// computersFile is the name of the file in the spool's directory that holds what was learned of the café's computers.
const computersFile = "computers.json"

const (
	computersVersion = 1
	maxComputersFile = 256 << 10 // octets: 512 computers with all the cards that are remembered have 130 KB
	maxComputers     = 1024
	maxFormerCards   = 4
)

// computers is that file. It holds no address and no UUID: keys that are made of them with the box's secret, which the café's
// next box does not have.
type computers struct {
	V     int            `json:"v"`
	Chain uplink.ChainID `json:"ch"`
	List  []computer     `json:"computers"`
}

type computer struct {
	Key      string   `json:"key"`
	Card     string   `json:"card"`
	Was      []string `json:"was,omitempty"` // cards before, the first in front
	Repeated bool     `json:"repeated,omitempty"`
	Age      uint     `json:"age,omitempty"`
}

// keys returns what computers are kept by at a box with secret. A card's key is its station's pseudonym; a computer's is 128
// bits, since it must be that of no other.
func keys(secret [32]byte) *cafe.Keys {
	return &cafe.Keys{
		Card: func(m capture.MAC) string { return string(uplink.NewStationID(secret, m)) },
		Computer: func(uuid string) string {
			h := hmac.New(sha256.New, secret[:])
			io.WriteString(h, "computer "+strings.ToLower(uuid))
			return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:computerKey])
		},
	}
}

const computerKey = 16 // octets

// loadComputers reads what the run before has learned, nothing where there is no file. One that cannot be read is logged: a
// box must start all the same, and learns it again.
func loadComputers(dir string, chain uplink.ChainID, log *slog.Logger) []cafe.Computer {
	list, err := readComputers(filepath.Join(dir, computersFile), chain)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("what was learned of the computers is lost: one whose card was changed is told of as another", "error", err)
		return nil
	}
	return list
}

func readComputers(path string, chain uplink.ChainID) ([]cafe.Computer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxComputersFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxComputersFile {
		return nil, fmt.Errorf("%s: more than %d octets", path, maxComputersFile)
	}
	list, err := decodeComputers(b, chain)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// decodeComputers reads the file's octets: all of it or, where anything in it cannot be, nothing. That of another chain is empty.
func decodeComputers(b []byte, chain uplink.ChainID) ([]cafe.Computer, error) {
	var c computers
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, err
	}
	switch {
	case c.V != computersVersion:
		return nil, fmt.Errorf("version %d, want %d", c.V, computersVersion)
	case c.Chain != chain:
		return nil, nil
	case len(c.List) > maxComputers:
		return nil, fmt.Errorf("%d computers, want at most %d", len(c.List), maxComputers)
	}
	seen := map[string]bool{} // keys and cards
	list := make([]cafe.Computer, 0, len(c.List))
	for i, k := range c.List {
		names := append([]string{k.Key, k.Card}, k.Was...)
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("computer %d: %w", i, err)
		}
		if slices.ContainsFunc(names, func(n string) bool { return seen[n] }) {
			continue // what two have in common tells neither
		}
		for _, n := range names {
			seen[n] = true
		}
		list = append(list, cafe.Computer(k))
	}
	return list, nil
}

// check complains of what cannot be.
func (k *computer) check() error {
	if raw, err := base64.RawURLEncoding.DecodeString(k.Key); err != nil || len(raw) != computerKey {
		return fmt.Errorf("key %q is none of %d octets", k.Key, computerKey)
	}
	if len(k.Was) > maxFormerCards {
		return fmt.Errorf("%d cards before, want at most %d", len(k.Was), maxFormerCards)
	}
	for _, card := range append([]string{k.Card}, k.Was...) {
		if !uplink.StationID(card).Valid() {
			return fmt.Errorf("card %q is no pseudonym", card)
		}
	}
	return nil
}

// saveComputers writes list, all or nothing.
func saveComputers(dir string, chain uplink.ChainID, list []cafe.Computer) error {
	b, err := encodeComputers(chain, list)
	if err != nil {
		return fmt.Errorf("keep what was learned of the computers: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, computersFile), b)
}

// encodeComputers returns what decodeComputers reads.
func encodeComputers(chain uplink.ChainID, list []cafe.Computer) ([]byte, error) {
	c := computers{V: computersVersion, Chain: chain, List: []computer{}}
	for _, k := range list {
		c.List = append(c.List, computer(k))
	}
	b, err := json.Marshal(c)
	return append(b, '\n'), err
}

// keepComputers returns what keeps what is learned of computers for the next life. A card that takes no writes stops nothing.
func (d *daemon) keepComputers(id spool.Identity) func([]cafe.Computer) error {
	return func(list []cafe.Computer) error {
		if err := saveComputers(d.cfg.Dir, id.Chain, list); err != nil {
			d.log.Error("what was learned of the computers is not kept", "error", err)
		}
		return nil
	}
}
