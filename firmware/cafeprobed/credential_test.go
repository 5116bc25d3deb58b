package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cafeprobe/firmware/config"
	"cafeprobe/firmware/health"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/province/provincetest"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

func nobody(_, _ string) {}

// dueAtOnce is a life of certificates of which more than 5/12 are over when they are issued, since they begin an hour
// before: they are to be renewed at once.
const dueAtOnce = 80 * time.Minute

// provisioned returns a box's configuration and identity, with the CA's certificate in place, and its province.
func provisioned(t *testing.T, life time.Duration) (*config.Config, spool.Identity, *province.Province) {
	t.Helper()
	dir := t.TempDir()
	p, _ := provincetest.Run(t, province.Config{
		Dir: filepath.Join(dir, "province"), Province: "demo", Secure: &province.Secure{Life: life},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	id, err := spool.NewIdentity(uplink.Address{Province: "demo", Box: "b-00000001"}, p.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{
		"dir": dir, "capture": map[string]any{"file": "none"},
		"uplink": map[string]any{"broker": "ssl://" + p.SecureAddr(), "tls": map[string]any{"enroll": p.EnrollURL()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cfg.Uplink.TLS.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(id.Save(filepath.Join(dir, spool.IdentityFile)),
		os.WriteFile(filepath.Join(cfg.Uplink.TLS.Dir, credential.CAFile), p.CA().Root(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return &cfg, id, p
}

// TestKeeper: a box enrols by itself, forwards, renews beside that, and goes on under the new certificate.
func TestKeeper(t *testing.T) {
	cfg, id, p := provisioned(t, dueAtOnce)
	var err error
	if cfg.Uplink.TLS.Claim, err = p.CA().NewClaim(id.Box, 0, false); err != nil {
		t.Fatal(err)
	}
	k, err := openCredential(cfg, id, time.Now, nobody)
	if err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(cfg.Dir, id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	fw := forward.New(sp, forward.Config{Broker: cfg.Uplink.Broker, TLS: k.tls(), Retry: time.Hour, Delay: time.Millisecond, Log: log})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() {
		if k.await(ctx) {
			fw.Run(ctx)
		}
	})
	if err := k.Ready(); !errors.Is(err, credential.ErrNotEnrolled) {
		t.Fatalf("before enrolment: %v, want %v", err, credential.ErrNotEnrolled)
	}
	wg.Go(func() { k.run(ctx, log, fw) })

	send := func(what string) {
		t.Helper()
		r, err := uplink.Encode(&uplink.Vantage{Stamp: uplink.Stamp{Quality: uplink.QualityNone}, Class: "A", Confidence: 90})
		if err == nil {
			_, err = sp.Append(r)
		}
		if err := errors.Join(err, sp.Commit()); err != nil {
			t.Fatal(err)
		}
		wait, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := fw.Drain(wait); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	send("under the first certificate")
	before, connections := k.NotAfter(), fw.Stats().Connections
	time.Sleep(time.Until(before.Add(-dueAtOnce).Add(2 * time.Second))) // so that the next one's end differs by a second
	if renewed, err := k.look(ctx, false); err != nil || !renewed {
		t.Fatalf("renewed %v, %v, want a renewal", renewed, err)
	}
	fw.Reconnect()
	send("after the renewal")
	for end := time.Now().Add(10 * time.Second); fw.Stats().Connections == connections && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if got := fw.Stats().Connections; got != connections+1 || !k.NotAfter().After(before) {
		t.Errorf("%d connections, certificate until %v; want %d and later than %v", got, k.NotAfter(), connections+1, before)
	}
	send("under the second certificate")
}

// TestEnrollOnce: the technician types the code.
func TestEnrollOnce(t *testing.T) {
	cfg, id, p := provisioned(t, 0)
	code, err := p.CA().NewClaim(id.Box, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := enrollOnce(t.Context(), cfg, strings.NewReader("\n"), &out); !errors.Is(err, credential.ErrRefused) {
		t.Errorf("no code: %v, want %v", err, credential.ErrRefused)
	}
	if err := enrollOnce(t.Context(), cfg, strings.NewReader(code+"\r\n"), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "b-00000001 is enrolled") {
		t.Errorf("said %q, want that the box is enrolled", out.String())
	}
	k, err := openCredential(cfg, id, time.Now, nobody)
	if err != nil {
		t.Fatal(err)
	}
	for _, anyway := range []bool{false, true} { // as when it is not let in and cannot tell why
		if renewed, err := k.look(t.Context(), anyway); err != nil || renewed != anyway {
			t.Errorf("a new certificate, anyway %v: renewed %v, %v", anyway, renewed, err)
		}
	}
}

// TestCredentialRefusals: who answers with what is not the province's word changes nothing on the box, and the chain says so.
func TestCredentialRefusals(t *testing.T) {
	cfg, id, p := provisioned(t, 0)
	sp, err := spool.Open(cfg.Dir, id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	ord := newOrders(*cfg, slog.New(slog.DiscardHandler))
	ord.sp, ord.told = sp, func() uplink.Stamp { return uplink.Stamp{Quality: uplink.QualityNone} }
	k, err := openCredential(cfg, id, time.Now, ord.note)
	if err != nil {
		t.Fatal(err)
	}
	code, err := p.CA().NewClaim(id.Box, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Enroll(t.Context(), cfg.Uplink.TLS.Enroll, code); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(cfg.Uplink.TLS.Dir, credential.PairFile))
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := p.CA().Client("collector", 24*time.Hour) // the CA's, but neither for this box nor for its key
	if err != nil {
		t.Fatal(err)
	}
	forged, err := json.Marshal(credential.Answer{V: credential.Version, Cert: string(ca.EncodePair(stolen))})
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, tls *tls.Config, answer []byte, want string) {
		t.Helper()
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) }))
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.TLS = tls
		s.StartTLS()
		defer s.Close()
		k.cfg.Enroll = s.URL
		from := sp.Head().Seq + 1
		if renewed, err := k.look(t.Context(), true); err == nil {
			t.Errorf("%s: renewed %v, no error", name, renewed)
		}
		if err := errors.Join(ord.rest(), sp.Commit()); err != nil {
			t.Fatal(err)
		}
		rs, err := sp.Read(from, 10, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rs {
			if body, _ := r.Body(); r.Kind == uplink.KindSecurity {
				v := body.(*uplink.Security)
				got = append(got, fmt.Sprintf("%s %s %d", v.What, v.Topic, v.Count))
			}
		}
		if strings.Join(got, ";") != want {
			t.Errorf("%s: the chain says %q, want %q", name, got, want)
		}
		if after, err := os.ReadFile(filepath.Join(cfg.Uplink.TLS.Dir, credential.PairFile)); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%s: key or certificate was changed, %v", name, err)
		}
	}
	server, err := p.CA().Server(24*time.Hour, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	own := &tls.Config{Certificates: []tls.Certificate{*server}, MinVersion: tls.VersionTLS13}
	f("a server of nobody", nil, forged, "forged credential 1")
	f("another's certificate", own, forged, "forged credential 1")
	f("no answer of ours", own, []byte("<html>"), "malformed credential 1")
	f("a refusal", own, []byte(`{"v":1,"error":"revoked"}`), "")
}

// unlinked is a forwarder that never connects.
type unlinked struct{}

func (unlinked) Reconnect()           {}
func (unlinked) Stats() forward.Stats { return forward.Stats{} }

// TestKeeperTrouble: why a box has no certificate is known while it has none, so that a technician is told.
func TestKeeperTrouble(t *testing.T) {
	f := func(name, want string, change func(*config.Config, *province.Province)) {
		t.Helper()
		cfg, id, p := provisioned(t, 0)
		cfg.Uplink.TLS.Claim = "AAAA-AAAA-AAAA-AAAA"
		change(cfg, p)
		k, err := openCredential(cfg, id, time.Now, nobody)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.trouble(); err != nil {
			t.Errorf("%s: before the first try: %v", name, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.run(ctx, slog.New(slog.DiscardHandler), unlinked{})
		}()
		for range 600 {
			if k.trouble() != nil || k.Ready() == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		stop()
		<-done
		if got := unreached(k.trouble()); got != want {
			t.Errorf("%s: %v is %q, want %q", name, k.trouble(), got, want)
		}
	}
	f("a claim code that nobody gave", health.RefusalClaim, func(*config.Config, *province.Province) {})
	f("another province's CA", health.RefusalAuthority, func(cfg *config.Config, _ *province.Province) {
		_, _, other := provisioned(t, 0)
		if err := os.WriteFile(filepath.Join(cfg.Uplink.TLS.Dir, credential.CAFile), other.CA().Root(), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	f("nobody there", health.RefusalRefused, func(cfg *config.Config, _ *province.Province) { cfg.Uplink.TLS.Enroll = "https://127.0.0.1:1" })
	f("a code that is good", "", func(cfg *config.Config, p *province.Province) {
		var err error
		if cfg.Uplink.TLS.Claim, err = p.CA().NewClaim("b-00000001", 0, false); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAgain: a box without a certificate tries again soon, as its port gets an address only after the first try, and then ever later; one
// that has a certificate has time.
func TestAgain(t *testing.T) {
	f := func(errs int, has bool, random float64, want time.Duration) {
		t.Helper()
		if got := again(errs, has, random); got != want {
			t.Errorf("%d errors, a certificate %v: %v, want %v", errs, has, got, want)
		}
	}
	f(0, false, 1, 2*time.Second)
	f(0, false, 0, 400*time.Millisecond)
	f(1, false, 1, 4*time.Second)
	f(7, false, 1, 256*time.Second)
	f(8, false, 1, 5*time.Minute)
	f(1_000_000, false, 1, 5*time.Minute)
	f(0, true, 1, 5*time.Minute)
	f(0, true, 0, time.Minute)
}
