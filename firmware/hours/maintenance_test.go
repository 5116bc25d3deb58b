package hours

import (
	"errors"
	"testing"
	"time"
)

// TestMaintenanceLeft: four begin in a month of the calendar in UTC+7; the same one again takes none.
func TestMaintenanceLeft(t *testing.T) {
	var m Maintenance
	last := time.Date(2026, 11, 30, 23, 0, 0, 0, Zone)
	for i := range MaxMaintenance {
		if got := m.Left(last); got != MaxMaintenance-i {
			t.Errorf("%d left after %d", got, i)
		}
		from := last.Add(time.Duration(-i) * time.Hour)
		for range 2 {
			if err := m.Declare(from, from.Add(2*time.Hour)); err != nil || !m.Has(from, from.Add(2*time.Hour)) || m.Has(from, from.Add(time.Hour)) {
				t.Errorf("maintenance %d: %v", i, err)
			}
		}
	}
	if err := m.Declare(last.Add(time.Minute), last.Add(time.Hour)); !errors.Is(err, ErrMaintenance) || m.Left(last) != 0 {
		t.Errorf("the fifth: %v, %d left", err, m.Left(last))
	}
	if next := last.Add(time.Hour); m.Left(next) != MaxMaintenance {
		t.Errorf("%d left in the next month, want all", m.Left(next))
	}
}
