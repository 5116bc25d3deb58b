package firmware

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestServe(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"timestamp.json": "{}", "targets/rpi4/ab.slot.fit": "0123456789", ".secret": "x", "targets/.secret": "x", "../outside": "x",
	} {
		path := filepath.Join(dir, "repo", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../outside", filepath.Join(dir, "repo", "link")); err != nil {
		t.Fatal(err)
	}
	h, err := New(filepath.Join(dir, "repo"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	f := func(method, path, span string, status int, want string) {
		t.Helper()
		r := httptest.NewRequest(method, "/release/x", nil)
		r.URL.Path = path
		if span != "" {
			r.Header.Set("Range", span)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		body, err := io.ReadAll(w.Result().Body)
		if err != nil || w.Code != status || status < 300 && string(body) != want {
			t.Errorf("%s %s %s: %d %q, want %d %q", method, path, span, w.Code, body, status, want)
		}
	}
	const get = http.MethodGet
	f(get, "/release/timestamp.json", "", 200, "{}")
	f(get, "/release/targets/rpi4/ab.slot.fit", "bytes=4-", 206, "456789")
	f(get, "/release/targets/rpi4/ab.slot.fit", "bytes=10-", 416, "")
	f(http.MethodHead, "/release/timestamp.json", "", 200, "")
	f(http.MethodPost, "/release/timestamp.json", "", 405, "")
	for _, p := range []string{
		"/release/", "/release/targets", "/release/targets/", "/release/none", "/release/.secret", "/release/targets/.secret", "/release/../outside",
		"/release//etc/passwd",
	} {
		f(get, p, "", 404, "")
	}
	f(get, "/release/link", "", 500, "")
	for range maxTransfers {
		h.busy <- struct{}{}
	}
	f(get, "/release/timestamp.json", "", 503, "")
}
