package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cafeprobe/firmware/config"
	"cafeprobe/tools/province"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// dueAtOnce is a life of certificates of which more than 5/12 are over when they are issued, since they begin an hour
// before: they are to be renewed at once.
const dueAtOnce = 80 * time.Minute

// provisioned returns a box's configuration and identity, with the CA's certificate in place, and its province.
func provisioned(t *testing.T, life time.Duration) (*config.Config, spool.Identity, *province.Province) {
	t.Helper()
	dir := t.TempDir()
	p, err := province.New(province.Config{
		Dir: filepath.Join(dir, "province"), Province: "demo", Secure: &province.Secure{Life: life},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
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
	k, err := openCredential(cfg, id, time.Now)
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
	k, err := openCredential(cfg, id, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, anyway := range []bool{false, true} { // as when it is not let in and cannot tell why
		if renewed, err := k.look(t.Context(), anyway); err != nil || renewed != anyway {
			t.Errorf("a new certificate, anyway %v: renewed %v, %v", anyway, renewed, err)
		}
	}
}
