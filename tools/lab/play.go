package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// script returns the evening with every repetition written out, in order of time.
func script(evening []event) []event {
	var all []event
	for _, e := range evening {
		all = append(all, e)
		if e.every == 0 {
			continue
		}
		for at := e.at + e.every; at <= e.until; at += e.every {
			next := e
			next.at = at
			all = append(all, next)
		}
	}
	slices.SortStableFunc(all, func(a, b event) int { return int(a.at - b.at) })
	return all
}

// errUndone is wrapped by play's error when the evening came to its end, but some of what the table says did not happen.
var errUndone = errors.New("some events did not go as the table says")

// play does what the script says, each event at its time, and returns everything that did not work.
func (l *lab) play(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var failures []string
	defer wg.Wait()
	for _, e := range script(l.room.evening()) {
		select {
		case <-time.After(time.Until(began.Add(l.scaled(e.at)))):
		case <-l.listener.done:
			return fmt.Errorf("the %s ended early: %v", l.listener.name, l.listener.err)
		case <-ctx.Done():
			return fmt.Errorf("stopped at %v of the evening: %w", short(e.at), context.Cause(ctx))
		}
		if e.do == finished {
			break
		}
		fmt.Fprintf(os.Stderr, "%5s  %-8s %s %s\n", short(e.at), e.who, e.do, e.what)
		wg.Go(func() {
			if err := l.do(e); err != nil {
				fmt.Fprintf(os.Stderr, "%5s  %-8s %s %s: %v\n", short(e.at), e.who, e.do, e.what, err)
				l.mu.Lock()
				failures = append(failures, fmt.Sprintf("%s at %s: %s %s", e.who, short(e.at), e.do, e.what))
				l.mu.Unlock()
				if e.do == on {
					cancel(err) // the rest would fail as well
				}
			}
		})
	}
	wg.Wait()
	if len(failures) > 0 {
		return fmt.Errorf("%w: %s", errUndone, strings.Join(failures, "; "))
	}
	return nil
}

func (l *lab) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) / l.speed) }

func short(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

// do does one event.
func (l *lab) do(e event) error {
	h := l.hosts[e.who]
	switch e.do {
	case on:
		return l.powerOn(h)
	case leave, cut:
		return l.powerDown(h, e.do)
	case again:
		return l.resetGuest(h)
	case netbios:
		return l.startNMBD(h, e.what)
	case bonjour:
		return l.startAvahi(h, e.what)
	case https:
		return l.short(h, "curl", "curl", "-sSk", "--tlsv1.3", "-m", "10", "-A", browser(h), "-o", "/dev/null", "https://"+e.what+"/")
	case http:
		return l.short(h, "curl", "curl", "-sS", "-m", "10", "-A", program(h), "-o", "/dev/null", "http://"+e.what)
	case quic:
		return l.short(h, "http3", l.program, "http3", e.what)
	case ntp:
		return l.short(h, "ntp", l.program, "ntp", e.what)
	case wake:
		return l.wakeUp(h, l.hosts[e.what])
	case plays:
		return l.playGame(h, e)
	case plain:
		return l.takeMirror()
	}
	return fmt.Errorf("unknown verb %q", e.do)
}

// short runs a program of a station that ends by itself soon.
func (l *lab) short(h *host, name string, argv ...string) error {
	p, err := l.start(h.ns, h.name+"-"+name, argv...)
	if err != nil {
		return err
	}
	return p.wait(20 * time.Second)
}

// browser is the User-Agent of a station's browser; program that of its system.
func browser(h *host) string {
	if h.role == "phone" {
		return "Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36"
	}
	return "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36"
}

func program(h *host) string {
	if h.role == "phone" {
		return "Dalvik/2.1.0 (Linux; U; Android 14; SM-A155F)"
	}
	return "Microsoft NCSI"
}

// powerOn connects a station and starts what a computer of its kind starts by itself.
func (l *lab) powerOn(h *host) error {
	l.mu.Lock()
	l.power = append(l.power, powered{who: h.station, from: time.Now()})
	l.mu.Unlock()
	if h.guestOnly() {
		return l.startGuest(h)
	}
	if err := ip("-n", l.bridge, "link", "set", h.name, "up"); err != nil {
		return err
	}
	if err := ip("-n", h.ns, "link", "set", "eth0", "up"); err != nil {
		return err
	}
	switch {
	case h.role == "router":
		return l.startRouter(h)
	case h.role == "server":
		return l.startServer(h)
	default:
		return l.lease(h)
	}
}

// powerDown switches a station off, in order or by cutting it off.
func (l *lab) powerDown(h *host, how verb) error {
	switch {
	case h.guest != nil:
		h.guest.end()
	case how == cut, how == again:
		// First the link, so that the kernel's farewells (FIN, RST) stay in the namespace.
		if err := ip("-n", l.bridge, "link", "set", h.name, "down"); err != nil {
			return err
		}
		killIn(h.ns, syscall.SIGKILL)
		if err := l.forget(h); err != nil {
			return err
		}
	default:
		if err := errors.Join(l.release(h), l.forget(h)); err != nil {
			return err
		}
	}
	l.powerOff(h, string(how), time.Now())
	return nil
}

// forget takes from a station what it would not have when it starts again: addresses, routes, neighbours.
func (l *lab) forget(h *host) error {
	return errors.Join(ip("-n", h.ns, "link", "set", "eth0", "down"), ip("-n", h.ns, "addr", "flush", "dev", "eth0"))
}

// powerOff notes that a station is off.
func (l *lab) powerOff(h *host, end string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.power {
		if p := &l.power[i]; p.who == h.station && p.to.IsZero() {
			p.to, p.end = at, end
		}
	}
}
