package update

import (
	"encoding/json"
	"io"
	"os"

	"cafeprobe/uplink/durable"
)

// memo is the file of PID 1's: where it is with an update. One that is torn or lost costs what was fetched, and that a firmware
// which was rolled back is told of as "unknown"; never what boots.
type memo struct {
	Offer  *Offer `json:"offer,omitempty"`  // that is being taken
	Found  *Found `json:"found,omitempty"`  // that is being written
	Synced int64  `json:"synced,omitempty"` // octets of it
	Trial  *trial `json:"trial,omitempty"`  // that waits to be tried, or is tried
	Why    string `json:"why,omitempty"`    // it was not confirmed so far, in a word
	Runs   *trial `json:"runs,omitempty"`   // that was confirmed, or, where none was, that was there first: see Intact
	Vain   *Sum   `json:"vain,omitempty"`   // of the firmware that was rolled back last
}

// trial is a firmware that was written into a slot.
type trial struct {
	Version string `json:"fw"`
	Slot    string `json:"slot"`
	SHA256  Sum    `json:"sha256"`
	Length  int64  `json:"length,omitempty"` // octets; 0: not noted
}

// stays notes that what was tried was confirmed.
func (m *memo) stays() {
	m.tried()
	if m.Trial != nil {
		m.Runs = m.Trial
	}
	m.Trial, m.Why = nil, ""
}

// failed notes that what was tried was rolled back.
func (m *memo) failed() {
	m.tried()
	if m.Trial != nil {
		m.Vain = &m.Trial.SHA256
	}
	m.Trial, m.Why = nil, ""
}

// tried forgets the offer of a firmware that is on trial, or was.
func (m *memo) tried() {
	if m.Trial != nil && m.Offer != nil && (m.Offer.Version == "" || m.Offer.Version == m.Trial.Version) {
		m.Offer, m.Found, m.Synced = nil, nil, 0
	}
}

// maxMemo bounds the file, in octets: an offer has some certificates.
const maxMemo = 32 << 10

func loadMemo(path string) (m memo) {
	f, err := os.Open(path)
	if err != nil {
		return memo{}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxMemo+1))
	if err != nil || len(b) > maxMemo || json.Unmarshal(b, &m) != nil || m.Synced < 0 {
		return memo{}
	}
	if m.Trial != nil && !isVersion(m.Trial.Version) {
		m.Trial = nil
	}
	return m
}

func (m *memo) save(path string) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(b, '\n'))
}

// Step is one step of an update: the detail of an event of PID 1's, of which the daemon makes a record.
type Step struct {
	Version string `json:"version"`
	Step    string `json:"step"` // uplink.Update.Step
	Slot    string `json:"slot,omitempty"`
	Why     string `json:"why,omitempty"`
}

// Security returns what a security record says of s, or "".
func (s Step) Security() string {
	if s.Step != "refused" {
		return ""
	}
	return Why(s.Why).Security()
}
