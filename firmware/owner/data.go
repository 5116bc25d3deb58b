package owner

import (
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"time"

	"cafeprobe/firmware/hours"
)

// How long a long answer may take, and one write of it: a browser that does not read is not waited for.
const (
	giveTime  = 10 * time.Minute
	chunkTime = 30 * time.Second
)

func (s *Server) data(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "data", nil, "")
}

// records gives the box's chain as it is.
func (s *Server) records(w http.ResponseWriter, r *http.Request) {
	name := string(s.cfg.Box) + "-" + hours.DateOf(s.cfg.Now()).String() + ".jsonl"
	s.give(w, r, "application/jsonl", name, s.cfg.Export)
}

// table gives the days as CSV (RFC 4180).
func (s *Server) table(w http.ResponseWriter, r *http.Request) {
	now := s.cfg.Now()
	name := string(s.cfg.Box) + "-" + hours.DateOf(now).String() + ".csv"
	s.give(w, r, "text/csv; charset=utf-8", name, func(ctx context.Context, out io.Writer) error {
		c := csv.NewWriter(out)
		c.UseCRLF = true
		_ = c.Write(columns)
		for _, d := range s.cfg.Book.Days(now) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			_ = c.Write(s.row(d, now))
		}
		c.Flush()
		return c.Error()
	})
}

var columns = []string{
	"date", "open_minutes", "first_use", "last_use", "peak", "peak_at", "station_minutes_in_use", "minutes_seen", "minutes_off", "minutes_blind",
	"minutes_lost", "minutes_unknown", "minutes_unsure", "maintenances", "alerts", "disputes",
}

// row is a day by columns. Times are of the day, UTC+7.
func (s *Server) row(date hours.Date, now time.Time) []string {
	d := s.cfg.Book.Day(date, now)
	f := &d.Figures
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(hours.Zone).Format("15:04")
	}
	disputes := 0
	for _, a := range d.Alerts {
		disputes += len(a.Disputes)
	}
	n := strconv.Itoa
	return []string{
		date.String(), n(int(total(d.Open) / time.Minute)), at(f.First), at(f.Last), n(f.Peak), at(f.PeakAt), n(f.InUse), n(f.Seen), n(f.Off), n(f.Blind),
		n(f.Gap), n(f.Unknown), n(f.Unsure), n(len(d.Maintenance)), n(len(d.Alerts)), n(disputes),
	}
}

// give answers with a file that write writes, one at a time. An error before its first octet becomes an answer; one behind it breaks the
// connection, so that nobody takes a part for the whole.
func (s *Server) give(w http.ResponseWriter, r *http.Request, kind, name string, write func(context.Context, io.Writer) error) {
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	default:
		retryAfter(w, time.Minute)
		s.refuse(w, r, http.StatusServiceUnavailable, "refused.busy")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), giveTime)
	defer cancel()
	out := &file{ctx: ctx, w: w, control: http.NewResponseController(w), kind: kind, name: name}
	err := write(ctx, out)
	switch {
	case err == nil:
		out.begin() // of an empty file too
	case !out.begun:
		s.log.Error("the owner's file", "name", name, "error", err)
		s.refuse(w, r, http.StatusServiceUnavailable, "refused.file")
	default:
		s.log.Info("the owner's file was not given whole", "name", name, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// file is a file on its way to a browser.
type file struct {
	ctx        context.Context
	w          http.ResponseWriter
	control    *http.ResponseController
	kind, name string
	begun      bool
}

func (f *file) begin() {
	if f.begun {
		return
	}
	f.begun = true
	f.w.Header().Set("Content-Type", f.kind)
	f.w.Header().Set("Content-Disposition", `attachment; filename="cafeprobe-`+f.name+`"`)
}

// Write gives the browser chunkTime to take b.
func (f *file) Write(b []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	f.begin()
	if err := f.control.SetWriteDeadline(time.Now().Add(chunkTime)); err != nil {
		return 0, err
	}
	return f.w.Write(b)
}
