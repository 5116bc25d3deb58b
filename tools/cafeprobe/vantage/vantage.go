// Package vantage tells a technician what can be seen from where a box, or his own computer, is plugged in: from a port for
// some minutes, or from a capture. It only listens.
package vantage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/afpacket"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/pipeline"
	"cafeprobe/tools/cafeprobe/inspect"
)

// Verdict is what was found, as one JSON document.
type Verdict struct {
	V int `json:"v"`
	inspect.Vantage
	Advice  []string `json:"advice"`  // what to change, empty where nothing is to be
	Seconds float64  `json:"seconds"` // of listening
	Link    string   `json:"link,omitempty"`
	Frames  uint64   `json:"frames"`
	Octets  uint64   `json:"octets"`
	Group   uint64   `json:"group"`   // frames to groups, broadcasts among them
	Dropped uint64   `json:"dropped"` // frames for which this computer was too slow: they count as lost, and are not the mirror's
}

// reportPeriod is how often flows are told of: somebody waits for the verdict.
const reportPeriod = 2 * time.Second

// Live listens to an interface until the time is over or ctx is done, which is no error: the verdict is of what was heard
// until then. Every second it writes a line of progress.
func Live(ctx context.Context, name string, span time.Duration, progress io.Writer) (*Verdict, error) {
	ring, err := afpacket.Open(name, afpacket.Config{})
	if err != nil {
		return nil, err
	}
	defer ring.Close()
	var own []capture.MAC
	if i, err := net.InterfaceByName(name); err == nil && len(i.HardwareAddr) == len(capture.MAC{}) {
		own = append(own, capture.MAC(i.HardwareAddr))
	}
	return listen(ctx, ring, own, span, progress)
}

func listen(ctx context.Context, ring *afpacket.Ring, own []capture.MAC, span time.Duration, progress io.Writer) (*Verdict, error) {
	w := &watch{out: progress, began: time.Now(), span: span, ring: ring}
	p := pipeline.New(pipeline.Config{Live: true, Report: reportPeriod, Cafe: cafe.Config{Own: own}, Tap: w.tap})
	w.pipeline = p
	stop, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	err := p.Run(context.WithoutCancel(ctx), until{stop, ring})
	v := verdict(p, p.Cafe().Vantage())
	if ring.State() != afpacket.Up && v.Frames == 0 {
		v.Why = []string{"the link is " + ring.State().String()}
	}
	v.Link, v.Seconds, v.Dropped = ring.State().String(), time.Since(w.began).Seconds(), ring.Stats().Dropped
	v.Advice = advice(v)
	return v, err
}

// File reads a capture.
func File(ctx context.Context, path string) (*Verdict, error) {
	src, err := pcapfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	p := pipeline.New(pipeline.Config{Cafe: cafe.Config{}})
	err = p.Run(ctx, src)
	v := verdict(p, p.Cafe().Judged())
	st := p.Stats()
	v.Seconds = time.Duration(st.Last - st.First).Seconds()
	v.Advice = advice(v)
	return v, err
}

func verdict(p *pipeline.Pipeline, v cafe.Vantage) *Verdict {
	st := p.Stats()
	return &Verdict{V: 1, Vantage: inspect.NewVantage(v), Frames: st.Frames, Octets: st.Octets, Group: st.Group}
}

// until is a source that ends in order when ctx is done, so that what it has shown is told of to the end.
type until struct {
	ctx context.Context
	src capture.Source
}

func (u until) Next(f *capture.Frame) error {
	if u.ctx.Err() != nil {
		return io.EOF
	}
	return u.src.Next(f)
}

// watch writes progress.
type watch struct {
	out      io.Writer
	began    time.Time
	span     time.Duration
	ring     *afpacket.Ring
	pipeline *pipeline.Pipeline
	told     time.Time
	frames   uint64
}

// tap is called by the pipeline's slow side with every observation, a tick of time each second among them.
func (w *watch) tap(o *capture.Observation) {
	since := time.Since(w.told)
	if o.Kind != capture.KindTick || since < time.Second {
		return
	}
	st, v := w.pipeline.Stats(), w.pipeline.Cafe().Vantage()
	rate := float64(st.Frames-w.frames) / since.Seconds()
	w.told, w.frames = time.Now(), st.Frames
	left := (w.span - time.Since(w.began)).Round(time.Second)
	line := fmt.Sprintf("%v left  link %s  %.0f frames/s  unicast %s  both directions %d  broadcasts only %d  loss %s  so far %s",
		max(left, 0), w.ring.State(), rate, percent(st.Frames-st.Group, st.Frames), v.Both, len(v.Hidden), loss(v.Loss), v.Grade)
	fmt.Fprintf(w.out, "\r\x1b[K%s", line)
}

func percent(part, all uint64) string {
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(all))
}

func loss(l cafe.Loss) string {
	share, ok := l.Share()
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100*share)
}

// ErrInput says that neither a port nor a capture was named, or both.
var ErrInput = errors.New("name a port to listen to (-i eth0), or one capture")
