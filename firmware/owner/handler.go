package owner

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// What one request may take. The longest form is a note: 500 letters, each up to 12 octets as it is sent.
const (
	maxHeader = 8 << 10
	maxBody   = 16 << 10

	headerTime = 10 * time.Second
	readTime   = 20 * time.Second
	writeTime  = 60 * time.Second
	idleTime   = 30 * time.Second
)

// limits are how long a client may take.
type limits struct {
	header time.Duration // for the TLS handshake, and for a request's header
	read   time.Duration // for a request
}

// policy lets a page have its own style, picture and forms, and nothing else: no script, no frame.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// routes returns the whole way of a request: who it is meant for, what a browser is told of every answer, who sent it, and then the page.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	s.assets(mux)
	s.doors(mux)
	s.shown(mux)
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.cfg.Refused(RefusedCross)
		s.refuse(w, r, http.StatusForbidden, "refused.cross")
	}))
	return s.addressed(headers(bounded(cross.Handler(s.staged(mux)))))
}

// addressed refuses a request to any other name than the address that it came to: a name that a stranger's DNS leads here (rebinding)
// would lend his page the owner's session.
func (s *Server) addressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if !ok || !sameHost(r.Host, local) {
			s.cfg.Refused(RefusedHost)
			r.Header.Del("Cookie") // what it may have is not for this name
			headers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.refuse(w, r, http.StatusMisdirectedRequest, "refused.host")
			})).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameHost reports whether host, an address with or without a port, is local.
func sameHost(host string, local net.Addr) bool {
	l, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return false
	}
	name, port := host, uint16(443)
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		name = host[1 : len(host)-1]
	} else if h, p, err := net.SplitHostPort(host); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return false
		}
		name, port = h, uint16(n)
	}
	a, err := netip.ParseAddr(name)
	return err == nil && port == l.Port() && a.Unmap().WithZone("") == l.Addr().Unmap().WithZone("")
}

// headers says to the browser what it may do with the answer.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // with no-referrer, old browsers send forms with Origin: null
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// bounded lets a body be a form, and short.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		next.ServeHTTP(w, r)
	})
}

// staged sends who is not logged in to the one form that he may fill in.
func (s *Server) staged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == stylePath || path == iconPath:
		case path == "/setup" && s.setup() > 0:
		case path == "/login" && s.lock.isSet():
		case s.sessions.alive(tokenOf(r)):
			if path == "/login" || path == "/setup" {
				http.Redirect(w, r, "/", http.StatusSeeOther)
				return
			}
		case s.setup() > 0:
			http.Redirect(w, r, "/setup", http.StatusSeeOther)
			return
		default:
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// form reads a form that was posted. It answers itself, and returns false, if there is none.
func (s *Server) form(w http.ResponseWriter, r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		s.refuse(w, r, http.StatusUnsupportedMediaType, "refused.form")
		return false
	}
	err := r.ParseForm()
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		s.refuse(w, r, http.StatusRequestEntityTooLarge, "refused.long")
	case err != nil:
		s.refuse(w, r, http.StatusBadRequest, "refused.form")
	}
	return err == nil
}

// field returns the value of a field of the form that was posted, of which there must be one; "" else.
func field(r *http.Request, name string) string {
	if v := r.PostForm[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// clientOf returns who sent r.
func clientOf(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}

// retryAfter says in how many seconds it is worth to try again (RFC 9110 §10.2.3).
func retryAfter(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", fmt.Sprint(int64((d+time.Second-1)/time.Second)))
}
