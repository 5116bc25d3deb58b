// Package web is the province's page: what is known of every café now, and the newest records. Vietnamese first. It
// updates itself, runs no script but its own, and shows nothing unescaped.
package web

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"cafeprobe/tools/province/live"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

//go:embed page.html page.css page.js
var files embed.FS

// newest is how many records the page shows.
const newest = 40

// Server serves the page. Use New.
type Server struct {
	store *store.Store
	log   *slog.Logger
	mux   *http.ServeMux
	page  *template.Template

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
}

// New returns a Server that shows what s holds.
func New(s *store.Store, log *slog.Logger) *Server {
	w := &Server{store: s, log: log, mux: http.NewServeMux(), changed: make(chan struct{})}
	w.page = template.Must(template.ParseFS(files, "page.html"))
	w.mux.HandleFunc("GET /{$}", w.root)
	w.mux.HandleFunc("GET /events", w.events)
	w.mux.HandleFunc("GET /healthz", w.healthz)
	w.mux.HandleFunc("GET /api/v1/cafes", w.cafes)
	static := http.FileServerFS(files)
	w.mux.Handle("GET /page.css", static)
	w.mux.Handle("GET /page.js", static)
	return w
}

// ServeHTTP serves one request.
func (w *Server) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	h := out.Header()
	h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.mux.ServeHTTP(out, r)
}

// Changed tells the pages that are open that the store has changed.
func (w *Server) Changed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *Server) wait() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// row is one café on the page and in /api/v1/cafes.
type row struct {
	Box      string `json:"box"`
	Name     string `json:"name"`
	Commune  string `json:"commune"`
	Status   string `json:"status"` // open, closed, unknown, blind, offline
	Word     string `json:"-"`
	Known    bool   `json:"known"`
	On       uint64 `json:"on"`
	Unsaid   uint64 `json:"use_unknown"`
	Vantage  string `json:"vantage"`
	Told     string `json:"told"`  // the café's time of that, Asia/Ho_Chi_Minh
	Heard    string `json:"heard"` // when the box was last heard, the same
	Received uint64 `json:"received"`
	Verified uint64 `json:"verified"`
	Gaps     uint64 `json:"gaps"`
	Lost     uint64 `json:"lost"`
	Forks    uint64 `json:"forks"`
	Chain    string `json:"-"`
	Intact   bool   `json:"intact"`
}

// line is one record on the page.
type line struct {
	Box, Time, Kind, Text string
	Seq                   uint64
}

// vietnam is UTC+7 all year round: the country has no summer time, and a box may have no time zone data.
var vietnam = time.FixedZone("UTC+7", 7*60*60)

func clock(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(vietnam).Format("02/01/2006 15:04:05")
}

func (w *Server) rows(ctx context.Context, l *words) ([]row, error) {
	boxes, err := w.store.Boxes(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]row, 0, len(boxes))
	for _, b := range boxes {
		c := live.Of(b, time.Now())
		r := row{
			Box: b.Box, Name: b.Site.Name, Commune: b.Site.Commune, Status: string(c.Status), Word: l.status[c.Status],
			Known: c.Known, On: c.On, Unsaid: c.Unsaid, Vantage: c.Vantage, Told: clock(c.Told), Heard: clock(b.LastHeard),
			Received: b.Received, Verified: b.Verified, Gaps: b.Gaps, Lost: b.Lost, Forks: b.Forks,
			Intact: b.Gaps+b.Lost+b.Forks == 0,
		}
		if r.Name == "" {
			r.Name = b.Box
		}
		switch {
		case b.Forks > 0:
			r.Chain = l.fork
		case b.Gaps+b.Lost > 0:
			r.Chain = l.gap
		default:
			r.Chain = l.intact
		}
		list = append(list, r)
	}
	return list, nil
}

func (w *Server) lines(ctx context.Context, l *words) ([]line, error) {
	stored, err := w.store.Newest(ctx, newest)
	if err != nil {
		return nil, err
	}
	list := make([]line, 0, len(stored))
	for _, s := range stored {
		r, err := uplink.ParseRecord(s.Body)
		if err != nil {
			continue // the collector stores none such
		}
		list = append(list, line{s.Box, clock(r.Stamp.Time.Time()), l.kind(r.Kind), describe(r, l), s.Seq})
	}
	return list, nil
}

func (w *Server) root(out http.ResponseWriter, r *http.Request) {
	l := language(r)
	cafes, err := w.rows(r.Context(), l)
	if err != nil {
		w.fail(out, err)
		return
	}
	records, err := w.lines(r.Context(), l)
	if err != nil {
		w.fail(out, err)
		return
	}
	out.Header().Set("Content-Type", "text/html; charset=utf-8")
	err = w.page.Execute(out, map[string]any{"L": l.text, "Lang": l.lang, "Other": l.other, "Cafes": cafes, "Records": records})
	if err != nil {
		w.log.Debug("page not written", "error", err)
	}
}

func (w *Server) fail(out http.ResponseWriter, err error) {
	w.log.Error("page", "error", err)
	http.Error(out, "the store does not answer", http.StatusServiceUnavailable)
}

// events tells a page to look again, at most twice a second.
func (w *Server) events(out http.ResponseWriter, r *http.Request) {
	out.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(out)
	for {
		changed := w.wait()
		if _, err := fmt.Fprint(out, "data: changed\n\n"); err != nil || flush.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-changed:
		case <-time.After(30 * time.Second): // a café goes offline by silence
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (w *Server) healthz(out http.ResponseWriter, r *http.Request) {
	if err := w.store.Ping(r.Context()); err != nil {
		w.fail(out, err)
		return
	}
	fmt.Fprintln(out, "ok")
}

func (w *Server) cafes(out http.ResponseWriter, r *http.Request) {
	list, err := w.rows(r.Context(), language(r))
	if err != nil {
		w.fail(out, err)
		return
	}
	out.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(out).Encode(map[string]any{"v": 1, "cafes": list}); err != nil {
		w.log.Debug("answer not written", "error", err)
	}
}
