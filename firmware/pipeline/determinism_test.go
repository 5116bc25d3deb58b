package pipeline

import (
	"bytes"
	"io"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/firmware/account"
	"cafeprobe/firmware/cafe"
	"cafeprobe/uplink"
)

// page keeps what is told, one record a line.
type page struct{ records, occs bytes.Buffer }

func (p *page) Record(r uplink.Record) error {
	_, err := p.records.Write(append(r.Raw, '\n'))
	return err
}

func (p *page) Occ(o uplink.Occ) error {
	b, err := uplink.Marshal(o)
	p.occs.Write(append(b, '\n'))
	return err
}

// evening is two hours of many stations that come and go, several in the same millisecond.
func evening(t *testing.T) []capture.Frame {
	t.Helper()
	var frames []capture.Frame
	for s := 0; s < 7200; s += 10 {
		for i := range byte(40) {
			if (s/60+int(i)*7)%60 > 20 {
				continue
			}
			data := capturetest.UDP(t, capturetest.PC(i), capturetest.Server(), 50000, 5000, make([]byte, 60))
			if s%60 == 0 {
				data = capturetest.ARP(t, 1, capturetest.PC(i), capturetest.Router())
			}
			f := capturetest.Frame(data)
			f.Time += int64(s) * int64(time.Second)
			frames = append(frames, f)
		}
	}
	return frames
}

// TestReplayIsDeterministic: a capture gives the same records, octet for octet, however fast its frames come and however
// the tables place them.
func TestReplayIsDeterministic(t *testing.T) {
	frames := evening(t)
	replay := func(seed uint64, pace func(int64)) *page {
		p := &page{}
		run := New(Config{
			Cafe:    cafe.Config{Summary: time.Minute},
			Account: account.Config{Secret: [32]byte{1}, Quality: uplink.QualitySync, Window: time.Minute},
			Sink:    p, Seed: seed, Pace: pace,
		})
		if err := run.Run(t.Context(), &source{frames: frames}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	want := replay(0, nil)
	if n := bytes.Count(want.records.Bytes(), []byte("\n")); n < 100 {
		t.Fatalf("%d records, want many", n)
	}
	f := func(name string, got *page) {
		t.Helper()
		if !bytes.Equal(got.records.Bytes(), want.records.Bytes()) {
			t.Errorf("%s: records\n%.1500s\nwant\n%.1500s", name, &got.records, &want.records)
		}
		if !bytes.Equal(got.occs.Bytes(), want.occs.Bytes()) {
			t.Errorf("%s: occupancy\n%.1500s\nwant\n%.1500s", name, &got.occs, &want.occs)
		}
	}
	f("again", replay(0, nil))
	n := 0
	f("slowly", replay(0, func(int64) {
		if n++; n%64 == 0 {
			time.Sleep(time.Millisecond) // the slow side overtakes the hot one again and again
		}
	}))
	for seed := range uint64(4) {
		f("another seed", replay(seed+1, nil))
	}
}

// source gives frames from memory.
type source struct{ frames []capture.Frame }

func (s *source) Next(f *capture.Frame) error {
	if len(s.frames) == 0 {
		return io.EOF
	}
	*f, s.frames = s.frames[0], s.frames[1:]
	return nil
}
