package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"cafeprobe/firmware/config"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// keeper keeps the box's certificate good. A nil keeper is that of a box whose broker wants none.
type keeper struct {
	*credential.Credential
	cfg   config.TLS
	ready chan struct{} // closed when there is a certificate
	now   func() time.Time

	refused func(what, from string) // hears of answers that are not to be trusted

	why atomic.Pointer[error] // why there is no first certificate yet; nil for no reason
}

// trouble returns why the box has no certificate, nil if it has one or has not tried to get it.
func (k *keeper) trouble() error {
	if k == nil {
		return nil
	}
	if err := k.why.Load(); err != nil {
		return *err
	}
	return nil
}

// Waits between looks at the certificate. After an error that is no refusal the network or the province is away; what was
// refused is tried again late, since it needs a person, and each attempt counts against the box's address.
const (
	lookPeriod   = time.Hour
	afterError   = 5 * time.Minute
	afterFirst   = 2 * time.Second // after the first errors of a box without a certificate: it starts before its port has an address
	afterRefusal = time.Hour

	// maxDown is at how many looks in a row without a connection a certificate is renewed that seems to be good: the box's
	// clock may be wrong, and the province's say that it has expired.
	maxDown = 6
)

// link is what a new certificate is for: the forwarder.
type link interface {
	Reconnect()
	Stats() forward.Stats
}

// openCredential opens what the box proves itself with, nil where the broker wants no certificate. now says by what time
// certificates are judged; refused is as forward.Config.Refused.
func openCredential(cfg *config.Config, id spool.Identity, now func() time.Time, refused func(what, from string)) (*keeper, error) {
	if !cfg.Uplink.Secure() {
		return nil, nil
	}
	t := cfg.Uplink.TLS
	c, err := credential.Open(t.Dir, credential.Config{Box: id.Box, Key: id.Public(), ServerName: t.ServerName, Now: now})
	if err != nil {
		return nil, err
	}
	return &keeper{Credential: c, cfg: t, ready: make(chan struct{}), now: now, refused: refused}, nil
}

func (k *keeper) tls() *tls.Config {
	if k == nil {
		return nil
	}
	return k.TLS()
}

// run enrols and renews until ctx is done, and lets l connect anew with each new certificate. Records are spooled
// meanwhile, whatever becomes of it.
func (k *keeper) run(ctx context.Context, log *slog.Logger, l link) {
	if k == nil {
		return
	}
	down, errs := 0, 0
	for ready := false; ; {
		if down++; l.Stats().Connected {
			down = 0
		}
		wait := lookPeriod
		renewed, err := k.look(ctx, down > maxDown)
		if k.why.Store(nil); err != nil && k.Ready() != nil {
			k.why.Store(&err)
		}
		switch {
		case errors.Is(err, credential.ErrRefused) || errors.Is(err, credential.ErrNotEnrolled):
			wait = afterRefusal
			log.Error("no certificate", "error", err)
		case err != nil && ctx.Err() == nil:
			wait = again(errs, k.Ready() == nil, rand.Float64())
			errs++
			log.Warn("no new certificate yet", "error", err, "retry", wait)
		case renewed:
			down, errs = 0, 0
			l.Reconnect()
		}
		if !ready && k.Ready() == nil {
			ready = true
			close(k.ready)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// again returns how long to wait after the errs-th error in a row, 0 for the first. random is 0 to 1: boxes that lost one province do not
// come back as one.
func again(errs int, has bool, random float64) time.Duration {
	most := afterError
	if !has {
		most = min(afterError, afterFirst<<min(errs, 8))
	}
	return time.Duration((0.2 + 0.8*random) * float64(most))
}

// await waits for the first certificate. It reports false if ctx is done before.
func (k *keeper) await(ctx context.Context) bool {
	if k == nil {
		return true
	}
	select {
	case <-k.ready:
		return true
	case <-ctx.Done():
		return false
	}
}

// look gets a certificate if one is due, or anyway.
func (k *keeper) look(ctx context.Context, anyway bool) (renewed bool, err error) {
	switch err := k.Ready(); {
	case err == nil && !anyway && !k.NeedsRenewal(k.now()):
		return false, nil
	case err == nil:
		return true, k.renew(ctx)
	case k.cfg.Claim == "":
		return false, err
	}
	return true, k.judged(k.Enroll(ctx, k.cfg.Enroll, k.cfg.Claim))
}

func (k *keeper) renew(ctx context.Context) error { return k.judged(k.Renew(ctx, k.cfg.Enroll)) }

// judged returns err, and tells if it is about an answer that is not to be trusted.
func (k *keeper) judged(err error) error {
	switch {
	case errors.Is(err, credential.ErrForged):
		k.refused(uplink.SecurityForged, "credential")
	case errors.Is(err, credential.ErrAnswer):
		k.refused(uplink.SecurityMalformed, "credential")
	}
	return err
}

// enrollOnce is cafeprobed -enroll.
func enrollOnce(ctx context.Context, cfg *config.Config, in io.Reader, out io.Writer) error {
	id, err := identityOf(cfg)
	if err != nil {
		return err
	}
	unheard := func(_, _ string) {} // there is no chain to record it in; a person reads the error
	k, err := openCredential(cfg, id, certain(newClock(unheard)), unheard)
	if err != nil {
		return err
	}
	if k == nil {
		return errors.New("enrol: uplink.broker is not ssl://host:port, so no certificate is needed")
	}
	claim := k.cfg.Claim
	if claim == "" {
		fmt.Fprintf(out, "claim code for %s: ", id.Box)
		line, err := bufio.NewReader(io.LimitReader(in, 256)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the claim code: %w", err)
		}
		claim = strings.TrimSpace(line)
	}
	if err := k.Enroll(ctx, k.cfg.Enroll, claim); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is enrolled; its certificate is good until %s and renews itself\n", id.Box, k.NotAfter().Format(time.DateOnly))
	return nil
}
