package owner

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/ledger"
	"cafeprobe/uplink"
)

// Sayer passes on what the owner says, as records of the chain. It may be called by several goroutines.
type Sayer interface {
	// Declare declares a maintenance (rule R23). It returns hours.ErrMaintenance for the fifth of a month.
	Declare(from, to time.Time) error
	// Dispute says that the owner does not agree with the record seq, of that stage and night. note is what uplink.CleanNote returns.
	Dispute(night hours.Date, stage string, seq uint64, note string) error
}

// A maintenance is declared before it begins, late at the time that it takes to fill in a form, and not for the far future.
const (
	lateBy = 10 * time.Minute
	ahead  = 31 * 24 * time.Hour
)

// stampLayout is how a browser sends a local time (HTML, datetime-local).
const stampLayout = "2006-01-02T15:04"

// upkeepPage is the form and what was declared.
type upkeepPage struct {
	List     []ledger.Maintenance // newest first
	Months   []month
	Max      int
	From, To string
	Min, End string // what the form takes
	Days     int
}

// month says how many are left in it.
type month struct {
	Name       string
	Used, Left int
}

func (s *Server) maintenance(w http.ResponseWriter, r *http.Request) {
	s.showMaintenance(w, r, http.StatusOK, "", "", "")
}

func (s *Server) showMaintenance(w http.ResponseWriter, r *http.Request, status int, from, to, wrong string, args ...any) {
	now := s.cfg.Now().In(hours.Zone)
	list := s.declared(now)
	next := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, hours.Zone)
	s.show(w, r, status, "maintenance", upkeepPage{
		List: list[:min(len(list), maxListed)], Months: []month{monthOf(list, now), monthOf(list, next)}, Max: hours.MaxMaintenance, From: from, To: to,
		Min: now.Format(stampLayout), End: now.Add(ahead + uplink.MaxMaintenance).Format(stampLayout), Days: int(uplink.MaxMaintenance / (24 * time.Hour)),
	}, wrong, args...)
}

// declared returns the maintenances that the book has, by whoever, also those to come, but for what is older than the page shows; the one that
// begins last first.
func (s *Server) declared(now time.Time) []ledger.Maintenance {
	oldest := (hours.DateOf(now) - ledger.MaxDays).Start()
	list := slices.DeleteFunc(s.cfg.Book.Maintenances(), func(m ledger.Maintenance) bool { return m.To.Before(oldest) })
	slices.SortStableFunc(list, func(a, b ledger.Maintenance) int { return b.From.Compare(a.From) })
	return list
}

// monthOf counts those of list that begin in the month of t: the box takes four (hours.Maintenance).
func monthOf(list []ledger.Maintenance, t time.Time) month {
	m := month{Name: t.Format("01/2006")}
	for _, x := range list {
		if x.From.In(hours.Zone).Format("01/2006") == m.Name {
			m.Used++
		}
	}
	m.Left = max(0, hours.MaxMaintenance-m.Used)
	return m
}

// declare takes a maintenance.
func (s *Server) declare(w http.ResponseWriter, r *http.Request) {
	if !s.form(w, r) {
		return
	}
	now := s.cfg.Now()
	a, b := field(r, "from"), field(r, "to")
	from, err := time.ParseInLocation(stampLayout, a, hours.Zone)
	to, err2 := time.ParseInLocation(stampLayout, b, hours.Zone)
	if err != nil || err2 != nil {
		s.showMaintenance(w, r, http.StatusUnprocessableEntity, "", "", "maint.format")
		return
	}
	wrong := ""
	switch {
	case !to.After(from):
		wrong = "maint.order"
	case to.Sub(from) > uplink.MaxMaintenance:
		wrong = "maint.long"
	case from.Before(now.Add(-lateBy)):
		wrong = "maint.past"
	case from.After(now.Add(ahead)):
		wrong = "maint.far"
	}
	if wrong != "" {
		s.showMaintenance(w, r, http.StatusUnprocessableEntity, a, b, wrong)
		return
	}
	switch err := s.cfg.Sayer.Declare(from, to); {
	case err == nil:
		http.Redirect(w, r, "/maintenance?done=maintenance", http.StatusSeeOther)
	case errors.Is(err, hours.ErrMaintenance):
		s.showMaintenance(w, r, http.StatusUnprocessableEntity, a, b, "maint.many", hours.MaxMaintenance)
	default:
		s.log.Error("the owner's maintenance", "error", err)
		s.showMaintenance(w, r, http.StatusServiceUnavailable, a, b, "unkept")
	}
}
