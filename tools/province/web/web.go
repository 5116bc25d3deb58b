// Package web is the province's page: what is known of every café now, and the newest records. Vietnamese first. It
// updates itself, runs no script but its own, and shows nothing unescaped.
package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"cafeprobe/tools/province/store"
)

//go:embed page.html page.css page.js icon.svg
var files embed.FS

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
	w.mux.Handle("GET /icon.svg", static)
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

func (w *Server) root(out http.ResponseWriter, r *http.Request) {
	v, err := w.look(r.Context(), chosen(r), time.Now())
	if err != nil {
		w.fail(out, r, err)
		return
	}
	out.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := w.page.Execute(out, v); err != nil {
		w.log.Debug("page not written", "error", err)
	}
}

func (w *Server) fail(out http.ResponseWriter, r *http.Request, err error) {
	w.log.Error("page", "error", err)
	http.Error(out, chosen(r).away, http.StatusServiceUnavailable)
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
		w.fail(out, r, err)
		return
	}
	fmt.Fprintln(out, "ok")
}

func (w *Server) cafes(out http.ResponseWriter, r *http.Request) {
	list, err := w.rows(r.Context(), chosen(r), time.Now())
	if err != nil {
		w.fail(out, r, err)
		return
	}
	out.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(out).Encode(map[string]any{"v": 1, "cafes": list}); err != nil {
		w.log.Debug("answer not written", "error", err)
	}
}
