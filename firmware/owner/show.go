package owner

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path"
	"strings"
	"time"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed page.css
var style []byte

//go:embed icon.svg
var icon []byte

// The style's path has its hash in it, so that a browser keeps it until it is another.
var stylePath = "/page-" + short(style) + ".css"

const iconPath = "/icon.svg"

func short(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// assets are the two files of the page.
func (s *Server) assets(mux *http.ServeMux) {
	give := func(kind string, b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", "max-age=31536000, immutable")
			_, _ = w.Write(b)
		}
	}
	mux.HandleFunc("GET "+stylePath, give("text/css; charset=utf-8", style))
	mux.HandleFunc("GET "+iconPath, give("image/svg+xml", icon))
}

// view is one page.
type view struct {
	L           *lang
	Name        string // of its template
	Here        string // the link that leads to it
	Title       string
	Box         uplink.BoxID
	Style       string
	In          bool // somebody is logged in
	Wrong, Done string
	Now         string
	Body        any
}

// dones are what ?done= may say.
var dones = []string{"setup", "pin", "logout", "dispute", "maintenance"}

// parsePages reads the templates once for each language.
func parsePages() (map[string]*template.Template, error) {
	out := map[string]*template.Template{}
	for _, l := range languages {
		t, err := template.New("").Funcs(template.FuncMap{
			"t": l.say, "known": l.known, "num": l.num, "span": l.span, "date": l.date,
			"clock": func(t time.Time) string { return t.In(hours.Zone).Format("15:04") },
			"when":  func(t time.Time) string { return t.In(hours.Zone).Format("15:04 02/01/2006") },
			"iso":   func(t time.Time) string { return t.In(hours.Zone).Format(time.RFC3339) },
		}).ParseFS(pageFiles, "pages/layout.html", "pages/chart.html")
		if err != nil {
			return nil, err
		}
		files, err := pageFiles.ReadDir("pages")
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			name := strings.TrimSuffix(f.Name(), path.Ext(f.Name()))
			if name == "layout" || name == "chart" {
				continue
			}
			page, err := template.Must(t.Clone()).ParseFS(pageFiles, "pages/"+f.Name())
			if err != nil {
				return nil, err
			}
			out[l.Code+" "+name] = page
		}
	}
	return out, nil
}

// show answers with the page name. wrong is the key of what was wrong with what was sent, "" if nothing was.
func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, name string, body any, wrong string, args ...any) {
	l := chosen(r)
	v := view{
		L: l, Name: name, Here: name, Title: l.say("title." + name), Box: s.cfg.Box, Style: stylePath, In: s.sessions.alive(tokenOf(r)),
		Now: s.cfg.Now().In(hours.Zone).Format("15:04 02/01/2006"), Body: body,
	}
	if wrong != "" {
		v.Wrong = l.say(wrong, args...)
	}
	done := r.URL.Query().Get("done")
	for _, d := range dones {
		if d == done && wrong == "" {
			v.Done = l.say("done." + d)
		}
	}
	if b, ok := body.(interface{ title(l *lang) string }); ok {
		v.Title = b.title(l)
	}
	if d, ok := body.(dayPage); ok && !d.Today {
		v.Here = "" // a day of its own
	}
	var out bytes.Buffer // whole, or an answer that says that it is not
	if err := s.pages[l.Code+" "+name].ExecuteTemplate(&out, "layout", v); err != nil {
		s.log.Error("the owner's page", "page", name, "error", err)
		http.Error(w, l.say("refused.fault"), http.StatusInternalServerError)
		return
	}
	remember(w, r, l)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(out.Bytes())
	}
}

// refuse answers that something is not done, and why.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, why string, args ...any) {
	s.show(w, r, status, "refused", nil, why, args...)
}
