package owner

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
)

// FuzzForms: whatever is sent to a form, the answer is one that is meant, whole HTML or a redirection within the page, and what reaches the
// chain is what a record takes.
func FuzzForms(f *testing.F) {
	r := newRoom(f).lived(2)
	b := newBox(f, r)
	if err := b.lock.set(testPIN); err != nil {
		f.Fatal(err)
	}
	b.lock.rounds = 1
	say := &heard{f: f, room: r}
	b.cfg.Sayer = say
	local, err := net.ResolveTCPAddr("tcp", "192.0.2.1:443")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/login", "pin=408172")
	f.Add("/setup", "code=7K3QM-9ZX0T&pin=408172&again=408172")
	f.Add("/maintenance", "from=2026-11-28T22%3A00&to=2026-11-29T02%3A00")
	seq := "seq=" + fmt.Sprint(lastNight(b)[0].Seq)
	f.Add("/night/2026-11-27", seq+"&note=x")
	f.Add("/night/2026-11-27", seq+"&note=%E2%80%AE%00%ff%0a<script>")
	f.Add("/pin", "old=408172&pin=553311&again=553311")
	f.Add("/day/2026-11-27", "&&==;%")
	f.Fuzz(func(t *testing.T, path, body string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || !strings.HasPrefix(path, "/") || u.Host != "" || strings.HasPrefix(path, "/logout") {
			return
		}
		q := httptest.NewRequest("POST", "https://192.0.2.1/", strings.NewReader(body))
		q.URL, q.RequestURI = u, path
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Header.Set("Cookie", cookieName+"="+b.sessions.start())
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, q.WithContext(context.WithValue(q.Context(), http.LocalAddrContextKey, net.Addr(local))))
		switch w.Code {
		case http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusMovedPermanently:
			if to := w.Header().Get("Location"); !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\\`) {
				t.Errorf("%q leads to %q", path, to)
			}
		case http.StatusOK, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
			http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusTooManyRequests:
		default:
			t.Errorf("%q with %q: %d", path, body, w.Code)
		}
		if page := w.Body.String(); strings.HasPrefix(page, "<!doctype") && (!strings.HasSuffix(page, "</html>\n") || strings.Contains(page, "<script")) {
			t.Errorf("%q with %q: %q", path, body, page)
		}
	})
}

// heard checks what reaches the chain.
type heard struct {
	f    *testing.F
	room *room
}

func (h *heard) Declare(from, to time.Time) error {
	if d := to.Sub(from); d <= 0 || d > uplink.MaxMaintenance || from.Before(noon().Add(-lateBy)) || from.After(noon().Add(ahead)) {
		h.f.Errorf("maintenance from %v to %v", from, to)
	}
	return hours.ErrMaintenance
}

func (h *heard) Dispute(night hours.Date, stage string, seq uint64, note string) error {
	_, err := uplink.Encode(&uplink.Dispute{
		Stamp: h.room.stamp(noon()), Night: uplink.Date(night.String()), Stage: stage, Seq: uplink.Int(seq), Note: note,
	})
	if err != nil || !utf8.ValidString(note) || strings.ContainsFunc(note, unicode.IsControl) {
		h.f.Errorf("a note that no record takes: %q, %v", note, err)
	}
	return ErrMany
}

// FuzzHost: only the box's own address is its host.
func FuzzHost(f *testing.F) {
	local, err := net.ResolveTCPAddr("tcp", "192.168.1.10:443")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("192.168.1.10")
	f.Add("192.168.1.10:443")
	f.Add("[::ffff:192.168.1.10]:443")
	f.Add("192.168.1.10.evil.example")
	f.Add("[192.168.1.10]")
	f.Fuzz(func(t *testing.T, host string) {
		if !sameHost(host, local) {
			return
		}
		bare := strings.Trim(strings.TrimSuffix(host, ":443"), "[]")
		a, err := netip.ParseAddr(bare)
		if h, _, err2 := net.SplitHostPort(host); err != nil && err2 == nil {
			a, err = netip.ParseAddr(h)
		}
		if err != nil || a.Unmap().WithZone("") != netip.MustParseAddr("192.168.1.10") {
			t.Errorf("%q is taken for the box", host)
		}
	})
}

// FuzzLockFile: no file opens the lock to a PIN that is not in it, or takes long.
func FuzzLockFile(f *testing.F) {
	f.Add([]byte(`{"v":1}`))
	f.Add([]byte(`{"v":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA==","hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","rounds":1,"failures":[{"at":9e18}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var l lockFile
		if err := l.parse(text); err != nil {
			return
		}
		if l.Hash != nil && (l.Rounds < 1 || l.Rounds > maxRounds || len(l.Salt) < 16) || len(l.Failures) > budget {
			t.Errorf("%s is taken: %+v", text, l)
		}
		fs := recent(l.Failures, noon())
		if d := wait(fs, "192.168.1.20", noon()); d < 0 || d > maxWait {
			t.Errorf("%s: wait %v", text, d)
		}
	})
}
