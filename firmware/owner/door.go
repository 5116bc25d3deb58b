package owner

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// doors are the forms by which one comes in and goes out.
func (s *Server) doors(mux *http.ServeMux) {
	mux.HandleFunc("GET /setup", func(w http.ResponseWriter, r *http.Request) { s.ask(w, r, http.StatusOK, "setup", "") })
	mux.HandleFunc("POST /setup", s.setUp)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { s.ask(w, r, http.StatusOK, "login", "") })
	mux.HandleFunc("POST /login", s.logIn)
	mux.HandleFunc("POST /logout", s.logOut)
	mux.HandleFunc("GET /pin", func(w http.ResponseWriter, r *http.Request) { s.ask(w, r, http.StatusOK, "pin", "") })
	mux.HandleFunc("POST /pin", s.changePIN)
}

// door is what a form of this file shows.
type door struct {
	Page string
	Min  int
	Max  int
	Left int  // minutes that setup is still open
	PIN  bool // one is set
}

// ask shows the form page; wrong is what was wrong with what was sent, "" if nothing.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, status int, page, wrong string, args ...any) {
	left := int((s.setup() + time.Minute - 1) / time.Minute)
	s.show(w, r, status, page, door{page, minDigits, maxDigits, left, s.lock.isSet()}, wrong, args...)
}

// setUp takes the label's code and a new PIN. Sessions that there were end: whoever is at the box with its label is the owner.
func (s *Server) setUp(w http.ResponseWriter, r *http.Request) {
	if !s.form(w, r) {
		return
	}
	who := source(clientOf(r))
	switch pin := field(r, "pin"); {
	case !s.codes.may(who):
		s.cfg.Refused(RefusedCode)
		s.ask(w, r, http.StatusTooManyRequests, "setup", "setup.many")
	case !sameCode(field(r, "code"), s.cfg.Code):
		s.codes.count(who)
		s.cfg.Refused(RefusedCode)
		s.ask(w, r, http.StatusForbidden, "setup", "setup.wrong")
	case !goodPIN(pin):
		s.ask(w, r, http.StatusUnprocessableEntity, "setup", "pin.weak", minDigits, maxDigits)
	case pin != field(r, "again"):
		s.ask(w, r, http.StatusUnprocessableEntity, "setup", "pin.differ")
	default:
		s.renew(w, r, pin, "setup")
	}
}

// renew sets pin, ends setup and all sessions, and begins one.
func (s *Server) renew(w http.ResponseWriter, r *http.Request, pin, page string) {
	if err := s.lock.set(pin); err != nil {
		s.log.Error("the owner's PIN", "error", err)
		s.ask(w, r, http.StatusServiceUnavailable, page, "pin.unkept")
		return
	}
	s.sessions.endAll()
	s.closeSetup()
	s.letIn(w, r, "/?done="+page)
}

// letIn begins a session: always a new one, so that a token that somebody else put into the browser is of no use to him.
func (s *Server) letIn(w http.ResponseWriter, r *http.Request, to string) {
	s.sessions.end(tokenOf(r))
	http.SetCookie(w, cookie(cookieName, s.sessions.start(), int(maxLife/time.Second)))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Server) logIn(w http.ResponseWriter, r *http.Request) {
	if s.form(w, r) && s.knows(w, r, "login") {
		s.letIn(w, r, "/")
	}
}

// knows reports whether the form that was posted has the PIN; if not, it shows page again and says why.
func (s *Server) knows(w http.ResponseWriter, r *http.Request, page string) bool {
	name := "pin"
	if page == "pin" {
		name = "old"
	}
	pin := field(r, name)
	if len(pin) < minDigits || len(pin) > maxDigits {
		s.ask(w, r, http.StatusUnprocessableEntity, page, "pin.length", minDigits, maxDigits) // cannot be it: no try is lost
		return false
	}
	err := s.lock.try(pin, clientOf(r))
	var wait waitError
	switch {
	case err == nil:
		return true
	case errors.As(err, &wait):
		s.cfg.Refused(RefusedPIN)
		retryAfter(w, wait.d)
		s.ask(w, r, http.StatusTooManyRequests, page, "pin.wait", int((wait.d+time.Minute-1)/time.Minute))
	case errors.Is(err, errSpent):
		s.cfg.Refused(RefusedPIN)
		retryAfter(w, time.Hour)
		s.ask(w, r, http.StatusTooManyRequests, page, "pin.spent")
	case errors.Is(err, errPIN):
		s.cfg.Refused(RefusedPIN)
		s.ask(w, r, http.StatusForbidden, page, "pin.wrong")
	default:
		s.log.Error("the owner's PIN", "error", err)
		s.ask(w, r, http.StatusServiceUnavailable, page, "pin.unkept")
	}
	return false
}

func (s *Server) logOut(w http.ResponseWriter, r *http.Request) {
	s.sessions.end(tokenOf(r))
	http.SetCookie(w, cookie(cookieName, "", -1))
	http.Redirect(w, r, "/login?done=logout", http.StatusSeeOther)
}

// changePIN asks for the old PIN once more: a session that was left open is not to take the page away from its owner.
func (s *Server) changePIN(w http.ResponseWriter, r *http.Request) {
	if !s.form(w, r) {
		return
	}
	switch pin := field(r, "pin"); {
	case !goodPIN(pin):
		s.ask(w, r, http.StatusUnprocessableEntity, "pin", "pin.weak", minDigits, maxDigits)
	case pin != field(r, "again"):
		s.ask(w, r, http.StatusUnprocessableEntity, "pin", "pin.differ")
	case s.knows(w, r, "pin"):
		s.renew(w, r, pin, "pin")
	}
}

// How many wrong codes one address may send while setup is open once. A code has 50 bits: this is against noise, not against luck.
const (
	maxCodes   = 10
	maxSources = 256
)

// tries counts the wrong codes of one opening.
type tries struct {
	mu sync.Mutex
	n  map[string]int
}

func newTries() *tries { return &tries{n: map[string]int{}} }

func (t *tries) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.n)
}

func (t *tries) may(who string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n[who] < maxCodes
}

// count counts one; of more than maxSources addresses nobody's are counted: 50 bits do not need it.
func (t *tries) count(who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.n[who]; ok || len(t.n) < maxSources {
		t.n[who]++
	}
}
