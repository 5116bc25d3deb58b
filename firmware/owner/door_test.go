package owner

import (
	"net/http"
	"strings"
	"testing"
)

// TestWalk: setup with the label's code, every page, log-out, log-in.
func TestWalk(t *testing.T) {
	b := newBox(t, newRoom(t))
	b.waitOpen(false)
	b.OpenSetup()
	b.waitOpen(true)
	u := b.user("127.0.0.1")
	if a := u.get("/"); a.code != http.StatusSeeOther || a.location != "/setup" {
		t.Fatalf("/ in setup: %d to %q", a.code, a.location)
	}
	if a := u.get("/setup"); a.code != http.StatusOK || !strings.Contains(a.body, `name="code"`) {
		t.Fatalf("setup: %d %s", a.code, said(a.body))
	}
	a := u.post("/setup", "code", " 7k3qm 9zxot", "pin", testPIN, "again", testPIN) // as somebody types it
	if a.code != http.StatusSeeOther || a.location != "/?done=setup" {
		t.Fatalf("setup: %d to %q: %s", a.code, a.location, said(a.body))
	}
	for _, path := range []string{"/", "/?done=setup", "/days", "/day/2026-11-27", "/night/2026-11-27", "/maintenance", "/privacy", "/data", "/pin"} {
		for _, lang := range []string{"vi", "en"} {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			a := u.get(path + sep + "lang=" + lang)
			if a.code != http.StatusOK || !strings.Contains(a.body, `<html lang="`+lang+`">`) || !strings.Contains(a.body, "<h1>") {
				t.Errorf("%s in %s: %d %s", path, lang, a.code, said(a.body))
			}
		}
	}
	if a := u.post("/logout"); a.code != http.StatusSeeOther || a.location != "/login?done=logout" {
		t.Errorf("logout: %d to %q", a.code, a.location)
	}
	if a := u.get("/days"); a.code != http.StatusSeeOther || a.location != "/login" {
		t.Errorf("days after logout: %d to %q", a.code, a.location)
	}
	if a := u.login().get("/days"); a.code != http.StatusOK {
		t.Errorf("days after login: %d", a.code)
	}
}
