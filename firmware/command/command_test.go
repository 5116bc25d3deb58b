package command

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cafeprobe/uplink"
)

const chain = uplink.ChainID("k3v9Qd2x")

var clock = Now{Time: 1795000000000, Quality: uplink.QualitySync}

// ask returns a command that is in order.
func ask(n uplink.Int) *uplink.Command {
	return &uplink.Command{
		Box: "b-7f3a91c2", Chain: chain, Number: n, Time: clock.Time - 1000, Expiry: clock.Time + 60_000, Verb: uplink.VerbDiag,
	}
}

func open(t *testing.T, dir string, last uplink.Int, do Do) (*Executor, *uplink.Done) {
	t.Helper()
	e, left, err := Open(dir, chain, last, map[uplink.Verb]Do{uplink.VerbDiag: do})
	if err != nil {
		t.Fatal(err)
	}
	return e, left
}

func TestJudge(t *testing.T) {
	f := func(name string, change func(c *uplink.Command, now *Now), result, why string) {
		t.Helper()
		did := 0
		e, _ := open(t, t.TempDir(), 5, func(*uplink.Command) (json.RawMessage, error) { did++; return nil, nil })
		c, now := ask(6), clock
		change(c, &now)
		done, _, refusal := e.Take(c, now)
		got := uplink.Done{}
		if done != nil {
			got = *done
		} else if refusal != nil {
			got.Why = refusal.Error()
		}
		if got.Result != result || got.Why != why || (did == 1) != (result == uplink.ResultDone) {
			t.Errorf("%s: %q %q, done %d times; want %q %q", name, got.Result, got.Why, did, result, why)
		}
	}
	f("in order", func(*uplink.Command, *Now) {}, "done", "")
	f("at the last moment", func(c *uplink.Command, now *Now) { now.Time = c.Expiry }, "done", "")
	f("a moment late", func(c *uplink.Command, now *Now) { now.Time = c.Expiry + 1 }, "refused", "expired")
	f("same number", func(c *uplink.Command, _ *Now) { c.Number = 5 }, "", "replayed")
	f("smaller number", func(c *uplink.Command, _ *Now) { c.Number = 1 }, "", "replayed")
	f("other chain", func(c *uplink.Command, _ *Now) { c.Chain = "AAAAAAAA" }, "", "misled")
	f("unknown verb", func(c *uplink.Command, _ *Now) { c.Verb = "dance" }, "refused", "unknown")
	f("no clock", func(_ *uplink.Command, now *Now) { *now = Now{0, uplink.QualityNone} }, "", "no-clock")
	f("only a floor", func(_ *uplink.Command, now *Now) { now.Quality = uplink.QualityFloor }, "", "no-clock")
	f("over by the floor", func(c *uplink.Command, now *Now) { *now = Now{c.Expiry + 1, uplink.QualityFloor} }, "refused", "expired")
	f("clock in 2040", func(_ *uplink.Command, now *Now) { now.Time = 2208988800000 }, "refused", "expired")
}

// TestOnce: a command is done once, through restarts, the loss of the file and a power cut in the middle.
func TestOnce(t *testing.T) {
	dir := t.TempDir()
	did := 0
	do := func(*uplink.Command) (json.RawMessage, error) { did++; return json.RawMessage(`{}`), nil }
	e, _ := open(t, dir, 0, do)
	if done, data, err := e.Take(ask(1), clock); err != nil || done.Result != uplink.ResultDone || string(data) != `{}` {
		t.Fatalf("%+v, %s, %v", done, data, err)
	}
	if err := e.Recorded(); err != nil {
		t.Fatal(err)
	}
	e, left := open(t, dir, 0, do)
	if _, _, err := e.Take(ask(1), clock); !errors.Is(err, Replayed) || left != nil {
		t.Errorf("after a restart: %v, %+v, want %v and nothing left", err, left, Replayed)
	}
	if err := os.Remove(filepath.Join(dir, stateFile)); err != nil {
		t.Fatal(err)
	}
	e, _ = open(t, dir, 1, do)
	if _, _, err := e.Take(ask(1), clock); !errors.Is(err, Replayed) {
		t.Errorf("after the file was lost: %v, want %v", err, Replayed)
	}
	if did != 1 {
		t.Errorf("done %d times, want once", did)
	}
}

// TestRefusedOnce: a command that is over has one record, however often it is sent; one that came before the clock was set
// is done when it comes again.
func TestRefusedOnce(t *testing.T) {
	did := 0
	e, _ := open(t, t.TempDir(), 0, func(*uplink.Command) (json.RawMessage, error) { did++; return nil, nil })
	early := ask(1)
	if done, _, err := e.Take(early, Now{Quality: uplink.QualityNone}); done != nil || !errors.Is(err, NoClock) {
		t.Errorf("without a clock: %+v, %v, want no record and %v", done, err, NoClock)
	}
	if done, _, err := e.Take(early, clock); err != nil || done.Result != uplink.ResultDone || did != 1 {
		t.Errorf("with a clock: %+v, %v, done %d times", done, err, did)
	}
	over := ask(2)
	over.Expiry = clock.Time - 1
	if done, _, err := e.Take(over, clock); !errors.Is(err, Expired) || done == nil || done.Why != "expired" {
		t.Errorf("over: %+v, %v, want a record", done, err)
	}
	if done, _, err := e.Take(over, clock); !errors.Is(err, Replayed) || done != nil {
		t.Errorf("over, again: %+v, %v, want no record and %v", done, err, Replayed)
	}
}

func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	e, _ := open(t, dir, 0, func(*uplink.Command) (json.RawMessage, error) { panic("power cut") })
	func() {
		defer func() { _ = recover() }()
		_, _, _ = e.Take(ask(7), clock)
	}()
	_, left := open(t, dir, 0, nil)
	want := uplink.Done{Number: 7, Verb: uplink.VerbDiag, Result: uplink.ResultFailed, Why: "interrupted"}
	if left == nil || *left != want {
		t.Errorf("left %+v, want %+v", left, want)
	}
	if _, again := open(t, dir, 0, nil); again != nil {
		t.Errorf("told a second time: %+v", again)
	}
}

func TestResultOfErrors(t *testing.T) {
	f := func(err error, result, why string) {
		t.Helper()
		e, _ := open(t, t.TempDir(), 0, func(*uplink.Command) (json.RawMessage, error) { return nil, err })
		done, _, _ := e.Take(ask(1), clock)
		if done.Result != result || done.Why != why {
			t.Errorf("%v: %q %q, want %q %q", err, done.Result, done.Why, result, why)
		}
	}
	f(nil, "done", "")
	f(BadArgs, "refused", "args")
	f(errors.New("disk on fire: /dev/mmcblk0"), "failed", "failed") // the words of an error do not leave the box
}

func TestStateFileOfNonsense(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(`{"n":`), 0o600); err != nil {
		t.Fatal(err)
	}
	e, left := open(t, dir, 3, func(*uplink.Command) (json.RawMessage, error) { return nil, nil })
	if done, _, err := e.Take(ask(4), clock); err != nil || done.Result != uplink.ResultDone || left != nil {
		t.Errorf("%+v, %v, left %+v", done, err, left)
	}
}
