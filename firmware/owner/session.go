package owner

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

const (
	maxIdle     = 30 * time.Minute
	maxLife     = 8 * time.Hour
	maxSessions = 8

	// cookieName has the prefix with which a browser takes the cookie from this host only, by TLS, for all paths (RFC 6265bis §4.1.3.2).
	cookieName = "__Host-cafeprobe"
	langCookie = "__Host-lang"
)

// sessions are who is logged in, in memory: a restart ends them. What is looked up is a token's hash, so that how long that takes says
// nothing of the tokens there are.
type sessions struct {
	now func() time.Time

	mu   sync.Mutex
	open map[[sha256.Size]byte]*session
}

type session struct{ began, seen time.Time }

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, open: map[[sha256.Size]byte]*session{}}
}

// start begins a session and returns its token: 32 random octets. At maxSessions the one that was idle longest ends.
func (s *sessions) start() string {
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // never fails (crypto/rand)
	token := base64.RawURLEncoding.EncodeToString(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.sweep(now)
	for len(s.open) >= maxSessions {
		var oldest [sha256.Size]byte
		var at time.Time
		for k, v := range s.open {
			if at.IsZero() || v.seen.Before(at) {
				oldest, at = k, v.seen
			}
		}
		delete(s.open, oldest)
	}
	s.open[sha256.Sum256([]byte(token))] = &session{now, now}
	return token
}

// alive reports whether token is of a session, which then goes on.
func (s *sessions) alive(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.sweep(now)
	v := s.open[sha256.Sum256([]byte(token))]
	if v != nil {
		v.seen = now
	}
	return v != nil
}

// sweep ends what is over. A clock that was put back ends what began in its future.
func (s *sessions) sweep(now time.Time) {
	for k, v := range s.open {
		if idle, age := now.Sub(v.seen), now.Sub(v.began); idle < 0 || idle >= maxIdle || age >= maxLife {
			delete(s.open, k)
		}
	}
}

// end ends the session of token.
func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(token)))
}

// endAll ends all of them.
func (s *sessions) endAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.open)
}

// tokenOf returns the token that a browser sent, "" if none.
func tokenOf(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	return c.Value
}

// cookie returns one that a page's script cannot read and another site's page does not send.
func cookie(name, value string, life int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: life, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}
