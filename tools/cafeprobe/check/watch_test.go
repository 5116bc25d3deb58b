package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cafeprobe/firmware/console"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/init/commission"
	"cafeprobe/tools/cafeprobe/diag"
	"cafeprobe/tools/port"
)

// cable is a line to a box, whose reads return after a while as a serial port's do.
type cable struct{ net.Conn }

func (c cable) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
		err = nil
	}
	return n, err
}

// plug returns a cable to a box that is said to be id, and answers diag with a; the box pulls the cable out after so many answers.
func plug(id string, a *diag.Answer, answers int) io.ReadWriteCloser {
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		_ = console.Serve(there, console.Verbs{
			"hello": func(json.RawMessage) (any, error) {
				return commission.Hello{Version: 1, Box: id, Key: []byte(id)}, nil
			},
			"diag": func(json.RawMessage) (any, error) {
				if answers--; answers < 0 {
					there.Close()
				}
				return a, nil
			},
		})
	}()
	return cable{here}
}

// TestWatch: a cable that is pulled out is waited for, one that is put into another box ends it, and whoever ends it gets what was found.
func TestWatch(t *testing.T) {
	well := answer(func(*health.Inputs) {})
	plain := answer(func(in *health.Inputs) { in.Grade = "C" })
	f := func(name string, ctx context.Context, cables []func() io.ReadWriteCloser, patience time.Duration) (*Result, []Progress, error) {
		t.Helper()
		var told []Progress
		r, err := Watch(ctx, Config{
			Stations: 40, For: 5 * time.Minute, Patience: patience, Silence: 100 * time.Millisecond, Tell: func(p Progress) { told = append(told, p) },
			Open: func() (io.ReadWriteCloser, error) {
				if len(cables) == 0 {
					return nil, errors.New("no cable")
				}
				c := cables[0]
				if cables = cables[1:]; c == nil {
					return nil, errors.New("no cable")
				}
				return c(), nil
			},
		})
		if len(told) == 0 && err == nil {
			t.Errorf("%s: nothing was told", name)
		}
		return r, told, err
	}
	to := func(id string, a *diag.Answer, answers int) func() io.ReadWriteCloser {
		return func() io.ReadWriteCloser { return plug(id, a, answers) }
	}
	synctest.Test(t, func(t *testing.T) {
		r, told, err := f("pulled out", t.Context(), []func() io.ReadWriteCloser{nil, to("b-1", plain, 2), nil, nil, to("b-1", well, 9)}, 0)
		if err != nil || r.State != health.OK || r.Box != "b-1" || len(told) != 7 {
			t.Errorf("pulled out: %+v, %v, told %d times, want all well, 7", r, err, len(told))
		}
		_, _, err = f("another box", t.Context(), []func() io.ReadWriteCloser{to("b-1", plain, 1), to("b-2", well, 9)}, 0)
		if err == nil || !strings.Contains(err.Error(), "was moved") {
			t.Errorf("another box: %v", err)
		}
		r, _, err = f("the time is over", t.Context(), []func() io.ReadWriteCloser{to("b-1", plain, 1000)}, 0)
		if err != nil || r.State != health.Warn {
			t.Errorf("the time is over: %+v, %v, want something to be looked at", r, err)
		}
		waits := answer(func(in *health.Inputs) { in.Reached = false })
		over, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		r, _, err = f("ended", over, []func() io.ReadWriteCloser{to("b-1", waits, 1000)}, 0)
		if err != nil || r.State != health.Warn {
			t.Errorf("ended while a receipt is waited for: %+v, %v, want it to be looked at", r, err)
		}
		if _, told, err = f("no cable", t.Context(), nil, time.Minute); err == nil || err.Error() != "no cable" || len(told) < 30 {
			t.Errorf("no cable: %v, told %d times", err, len(told))
		}
		mute := func() io.ReadWriteCloser { here, _ := net.Pipe(); return silent{here} }
		if _, _, err = f("mute", t.Context(), []func() io.ReadWriteCloser{mute}, time.Minute); !errors.Is(err, port.ErrNoAnswer) {
			t.Errorf("mute: %v, want %v", err, port.ErrNoAnswer)
		}
	})
}

// silent is a line on which nobody listens or speaks.
type silent struct{ net.Conn }

func (silent) Write(b []byte) (int, error) { return len(b), nil }

func (silent) Read([]byte) (int, error) {
	time.Sleep(50 * time.Millisecond)
	return 0, nil
}

// TestRefused: what a box refuses is told as it said it.
func TestRefused(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	go func() {
		_ = console.Serve(there, console.Verbs{"hello": func(json.RawMessage) (any, error) { return nil, fmt.Errorf("not now") }})
	}()
	_, err := Watch(t.Context(), Config{Silence: time.Millisecond, Open: func() (io.ReadWriteCloser, error) { return cable{here}, nil }})
	if !errors.Is(err, console.ErrRefused) {
		t.Errorf("%v, want %v", err, console.ErrRefused)
	}
}
