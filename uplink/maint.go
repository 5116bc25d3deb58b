package uplink

import (
	"fmt"
	"time"
)

// Maintenance says that somebody announced work at the café: what is used in that time after hours is told one stage lower
// (AfterHours.Maintained). It is recorded when it is announced, so that who reads the chain sees whether that was before.
type Maintenance struct {
	Stamp
	From Time   `json:"from"`
	To   Time   `json:"to"`
	By   string `json:"by"` // a word: ByOwner, ByProvince
}

// Who announces maintenance.
const (
	ByOwner    = "owner"    // on the box's own page
	ByProvince = "province" // with a command
)

// MaxMaintenance bounds one announced maintenance.
const MaxMaintenance = 7 * 24 * time.Hour

// Kind returns KindMaintenance.
func (*Maintenance) Kind() Kind { return KindMaintenance }

func (m *Maintenance) valid() error {
	if m.From <= 0 || m.To <= m.From || m.To > MaxInt || m.To-m.From > Time(MaxMaintenance/time.Millisecond) || !isWord(m.By, 12) {
		return fmt.Errorf("from %d to %d, by %.14q", m.From, m.To, m.By)
	}
	return nil
}
