// Command lab is an evening in a small café, played by real programs: it records the project's own capture, or shows the
// evening to a box.
//
//	lab -out DIR [-speed N]
//	lab -live CAFEPROBED [-room ROOM] [-speed N]
//
// Every computer of the café is a network namespace or a QEMU guest on a bridge that floods every frame (a hub, which is
// a mirror), and the recorder sits on one more port of it, silent, as the box does. What they do and when is the table in
// evening.go. With -live the box's daemon listens in the recorder's place, at a port of a room of room.go, and reports to a
// province on loopback; at the end what that knows is compared with the truth. DIR gets cafe.pcapng.gz and cafe.truth.tsv. The truth is not read from the capture: it comes from the table and
// from what the servers saw themselves (their own accounts of clients, names and leases).
//
// It needs Linux, root and the programs that `make lab` installs. It touches nothing outside of the namespaces it makes,
// and removes those whatever happens: a run that was killed is cleaned up by the next one.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		if part, ok := parts[os.Args[1]]; ok {
			exit(os.Args[1], part(os.Args[2:]))
		}
	}
	out := flag.String("out", "", "folder for cafe.pcapng.gz and cafe.truth.tsv")
	daemon := flag.String("live", "", "the box's daemon: let it listen")
	name := flag.String("room", rooms[0].name, "how the café is wired: mirror, plain, removed, second")
	speed := flag.Float64("speed", 1, "play the table this much faster, to try it out; the committed capture is at 1")
	flag.Parse()
	r, err := roomOf(*name)
	if err != nil || (*out == "") == (*daemon == "") || flag.NArg() > 0 || *speed <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	exit("lab", evenings(r, *speed, func(ctx context.Context, l *lab) error {
		if *daemon != "" {
			return l.live(ctx, *daemon)
		}
		return l.record(ctx, *out)
	}))
}

func exit(who string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", who, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// slack is what setting up, tearing down and a slow computer may take beyond the table's own length.
const slack = 2 * time.Minute

// evenings makes a lab, calls f with it, and removes it.
func evenings(r room, speed float64, f func(context.Context, *lab) error) error {
	if err := checkHost(); err != nil {
		return err
	}
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	length := time.Duration(float64(evening[len(evening)-1].at) / speed)
	ctx, cancel := context.WithTimeout(stop, length+slack)
	defer cancel()

	reap()
	l, err := newLab(r, speed)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.build(); err != nil {
		return err
	}
	return f(ctx, l)
}

// record plays the evening and writes its capture and its truth into the folder out.
func (l *lab) record(ctx context.Context, out string) error {
	if err := l.startRecorder(out); err != nil {
		return err
	}
	if err := l.play(ctx); err != nil {
		return err
	}
	return l.finish()
}
