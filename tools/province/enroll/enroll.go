// Package enroll is the province's HTTPS door for boxes: POST /enroll with a claim code, POST /renew under the
// certificate that is to be replaced. It stands open to the world, so whoever comes is bounded: in octets, in time, and
// in attempts by source address.
package enroll

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/net/netutil"

	"cafeprobe/tools/province/ca"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
)

// Handler serves both paths. Use New.
type Handler struct {
	ca    *ca.CA
	log   *slog.Logger
	now   func() time.Time
	limit limiter
	mux   *http.ServeMux
}

// New returns a Handler over the register of c. now is for the limits only; nil means time.Now.
func New(c *ca.CA, l *slog.Logger, now func() time.Time) *Handler {
	if now == nil {
		now = time.Now
	}
	h := &Handler{ca: c, log: l, now: now, mux: http.NewServeMux()}
	h.mux.HandleFunc("POST "+credential.EnrollPath, h.enroll)
	h.mux.HandleFunc("POST "+credential.RenewPath, h.renew)
	return h
}

// maxConns bounds the connections that stand at a time.
const maxConns = 512

// Listener returns l with TLS and a limit to the connections. cfg is to ask for certificates and not to verify them:
// ca.CA.Asking.
func Listener(l net.Listener, cfg *tls.Config) net.Listener {
	return tls.NewListener(netutil.LimitListener(l, maxConns), cfg)
}

// Server returns a server for h with limits fit for a door to the world. It is to be served on a Listener.
func Server(h http.Handler, l *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 20 * time.Second,
		IdleTimeout: 20 * time.Second, MaxHeaderBytes: 8 << 10,
		ErrorLog: log.New(debug{l}, "", 0), // handshakes that fail are the world's noise
	}
}

type debug struct{ *slog.Logger }

func (d debug) Write(b []byte) (int, error) {
	d.Debug("enrolment server", "what", string(b))
	return len(b), nil
}

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !h.limit.allow(source(r), h.now()) {
		w.Header().Set("Retry-After", "900")
		answer(w, http.StatusTooManyRequests, credential.Answer{Error: credential.WordSlow})
		return
	}
	h.mux.ServeHTTP(w, r)
}

func (h *Handler) enroll(w http.ResponseWriter, r *http.Request) {
	req, key, err := read(w, r)
	if err == nil && req.Key == (uplink.Key{}) {
		err = credential.ErrMalformed
	}
	if err != nil {
		h.refuse(w, r, req.Box, err)
		return
	}
	chain, err := h.ca.Enroll(req.Box, req.Claim, key, req.Key[:])
	if err != nil {
		h.refuse(w, r, req.Box, err)
		return
	}
	h.log.Info("box enrolled", "box", req.Box, "from", r.RemoteAddr, "until", chain[0].NotAfter)
	h.grant(w, chain)
}

func (h *Handler) renew(w http.ResponseWriter, r *http.Request) {
	var shown []*x509.Certificate
	if r.TLS != nil {
		shown = r.TLS.PeerCertificates // the handshake has proved that the client holds the first one's key
	}
	if _, err := h.ca.Renewable(shown); err != nil {
		h.refuse(w, r, "", err)
		return
	}
	_, key, err := read(w, r)
	if err != nil {
		h.refuse(w, r, "", err)
		return
	}
	chain, err := h.ca.Renew(shown, key)
	if err != nil {
		h.refuse(w, r, "", err)
		return
	}
	h.log.Info("certificate renewed", "box", chain[0].Subject.CommonName, "until", chain[0].NotAfter)
	h.grant(w, chain)
}

func (h *Handler) grant(w http.ResponseWriter, chain []*x509.Certificate) {
	answer(w, http.StatusOK, credential.Answer{Cert: string(ca.EncodeCertificates(chain...))})
}

// refusals are the answers to errors; the first that matches counts.
var refusals = []struct {
	err    error
	status int
	word   string
}{
	{credential.ErrMalformed, http.StatusBadRequest, credential.WordMalformed},
	{ca.ErrClaim, http.StatusForbidden, credential.WordClaim},
	{ca.ErrClaimUsed, http.StatusConflict, credential.WordUsed},
	{ca.ErrClaimOver, http.StatusGone, credential.WordExpired},
	{ca.ErrBound, http.StatusConflict, credential.WordBound},
	{ca.ErrRevoked, http.StatusForbidden, credential.WordRevoked},
	{ca.ErrGrace, http.StatusForbidden, credential.WordGrace},
	{ca.ErrUnknown, http.StatusUnauthorized, credential.WordIdentity},
	{ca.ErrTooMany, http.StatusTooManyRequests, credential.WordSlow},
}

// refuse answers with a word that says no more than the client has shown to know. What it did wrong counts against its
// address; that the register does not answer does not.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, box uplink.BoxID, err error) {
	for _, f := range refusals {
		if errors.Is(err, f.err) {
			h.limit.fail(source(r), h.now())
			if !box.Valid() {
				box = "" // whatever it is, it is not for the log
			}
			h.log.Warn("enrolment refused", "box", box, "from", r.RemoteAddr, "error", err)
			answer(w, f.status, credential.Answer{Error: f.word})
			return
		}
	}
	h.log.Error("enrolment not served", "from", r.RemoteAddr, "error", err)
	answer(w, http.StatusInternalServerError, credential.Answer{Error: credential.WordFailed})
}

func answer(w http.ResponseWriter, status int, a credential.Answer) {
	a.V = credential.Version
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // fails when the client has gone: nobody is left to be told
}

func read(w http.ResponseWriter, r *http.Request) (req credential.Request, key *ecdsa.PublicKey, err error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, credential.MaxBody))
	if err != nil {
		return req, nil, errors.Join(credential.ErrMalformed, err)
	}
	return credential.Parse(b)
}

// source returns the address that attempts are counted by: of IPv6 the first 64 bits, which are one subscriber's.
func source(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a := ap.Addr().Unmap().WithZone("")
	if a.Is6() {
		return netip.PrefixFrom(a, 64).Masked().Addr()
	}
	return a
}
