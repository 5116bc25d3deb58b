// Package firmware serves the folder of releases to boxes, over the province's HTTPS. What stands in the folder is signed, so it needs no
// secret and no certificate of a box's; whoever comes is bounded in number and in time.
package firmware

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"
)

// Path is where the folder is served.
const Path = "/release/"

const (
	// maxTransfers is how many are served at a time: at 64 kbit/s one takes more than half an hour, and the door has other visitors.
	maxTransfers = 256

	// writeTime is for how long a transfer may stand still.
	writeTime = time.Minute
)

// Handler serves a folder. Use New.
type Handler struct {
	root *os.Root
	busy chan struct{}
	log  *slog.Logger
}

// New returns a Handler of the folder dir, out of which no link leads.
func New(dir string, log *slog.Logger) (*Handler, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Handler{root, make(chan struct{}, maxTransfers), log}, nil
}

// Close closes the folder.
func (h *Handler) Close() error { return h.root.Close() }

// ServeHTTP serves one file below Path, or a range of it (RFC 9110 §14).
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "GET only", http.StatusMethodNotAllowed)
		return
	}
	select {
	case h.busy <- struct{}{}:
		defer func() { <-h.busy }()
	default:
		w.Header().Set("Retry-After", "600")
		http.Error(w, "too many at a time", http.StatusServiceUnavailable)
		return
	}
	f, i, err := h.open(strings.TrimPrefix(r.URL.Path, Path))
	if errors.Is(err, fs.ErrNotExist) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		h.log.Error("a release is not served", "path", r.URL.Path, "error", err)
		http.Error(w, "not readable", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(&patient{w, http.NewResponseController(w)}, r, "", i.ModTime(), f)
}

// open opens a file that is no folder and not hidden.
func (h *Handler) open(name string) (*os.File, fs.FileInfo, error) {
	if !fs.ValidPath(name) || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") {
		return nil, nil, fs.ErrNotExist
	}
	i, err := h.root.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !i.Mode().IsRegular() {
		return nil, nil, fs.ErrNotExist
	}
	f, err := h.root.Open(name)
	return f, i, err
}

// patient gives each write its time, whatever the server gives a whole answer.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write writes.
func (p *patient) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(writeTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}
