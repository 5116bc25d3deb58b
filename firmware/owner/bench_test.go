package owner

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkPages is what a page costs the box, without TLS: 35 days of 24 computers.
func BenchmarkPages(b *testing.B) {
	x := newBox(b, newRoom(b).lively())
	local := &net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 443}
	for _, path := range []string{"/", "/days", "/night/2026-11-27", "/maintenance", "/privacy", stylePath} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("GET", "https://192.0.2.1"+path, nil)
				r.Header.Set("Cookie", cookieName+"="+x.sessions.start())
				w := httptest.NewRecorder()
				x.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local))))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
