// Command lab is an evening and a morning in a small café, played by real programs: it records the project's own captures, or
// shows the evening to a box.
//
//	lab -out DIR [-scene evening|day|short|both] [-speed N]
//	lab -live CAFEPROBED [-room ROOM] [-speed N]
//
// Every computer of the café is a network namespace or a QEMU guest on a bridge that floods every frame (a hub, which is
// a mirror), and the recorder sits on one more port of it, silent, as the box does. What they do and when is the table in
// evening.go. With -live the box's daemon listens in the recorder's place, at a port of a room of room.go, and reports to a
// province on loopback; at the end what that knows is compared with the truth. DIR gets cafe.pcapng.gz and cafe.truth.tsv. The
// truth is not read from the capture: it comes from the table and from what the servers saw themselves (their own accounts of
// clients, names and leases).
//
// The morning, a day for short, is the table of day/long.txt: ten clients, with a browser, and two hours in a quarter of the time.
// DIR gets day.pcapng.gz, day.truth.tsv, day.truth.json in the form of tools/sim, and day.blocks.tsv, which says what time
// was cut. While anything happens the day goes at real time's pace, and so do the frames of the capture; when nothing does, the
// recording's clock jumps to what comes next.
//
// It needs Linux, root and the programs that `make lab` installs. It touches nothing outside of the namespaces it makes,
// and removes those whatever happens: a run that was killed is cleaned up by the next one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"cafeprobe/tools/lab/day"
)

func main() {
	if len(os.Args) > 1 {
		if part, ok := parts[os.Args[1]]; ok {
			exit(os.Args[1], part(os.Args[2:]))
		}
	}
	out := flag.String("out", "", "folder for the captures and what is known of them")
	daemon := flag.String("live", "", "the box's daemon: let it listen")
	name := flag.String("room", rooms[0].name, "how the café is wired: mirror, plain, removed, second")
	speed := flag.Float64("speed", 1, "play the evening this much faster, to try it out; the committed capture is at 1")
	which := flag.String("scene", "both", "what to record: evening, day, short (a little of a day) or both")
	flag.Parse()
	r, err := roomOf(*name)
	table := map[string]string{"day": day.Long, "both": day.Long, "short": day.Short}[*which]
	if err != nil || (*out == "") == (*daemon == "") || flag.NArg() > 0 || *speed <= 0 || table == "" && *which != "evening" {
		flag.Usage()
		os.Exit(2)
	}
	if *daemon != "" {
		exit("lab", evenings(r, *speed, func(ctx context.Context, l *lab) error { return l.live(ctx, *daemon) }))
	}
	if *which == "evening" || *which == "both" {
		err = evenings(r, *speed, func(ctx context.Context, l *lab) error { return l.record(ctx, *out) })
	}
	if err == nil && table != "" {
		err = oneDay(table, *out)
	}
	exit("lab", err)
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

// evenings makes the evening's lab, calls f with it, and removes it.
func evenings(r room, speed float64, f func(context.Context, *lab) error) error {
	length := time.Duration(float64(evening[len(evening)-1].at) / speed)
	return within(length+slack, &theEvening, r, speed, f)
}

// within makes a lab, calls f with it, and removes it. It gives up after the limit.
func within(limit time.Duration, s *scene, r room, speed float64, f func(context.Context, *lab) error) error {
	if err := checkHost(); err != nil {
		return err
	}
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	ctx, cancel := context.WithTimeout(stop, limit)
	defer cancel()

	reap()
	l, err := newLab(s, r, speed)
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
	l.events = evening
	if err := l.startRecorder(out); err != nil {
		return err
	}
	if err := l.play(ctx); err != nil {
		return err
	}
	return l.finish()
}

// dayLimit is how long playing a day may take.
const dayLimit = 45 * time.Minute

// oneDay plays the day of a table and writes its capture, its truth and what was cut of it into the folder out.
func oneDay(table, out string) error {
	t, err := day.Parse(table)
	if err != nil {
		return err
	}
	return within(dayLimit, &theDay, rooms[0], 1, func(ctx context.Context, l *lab) error {
		c := newConductor(l, &t, daySeed)
		l.when = c.clock.at
		if err := l.startRecorder(out); err != nil {
			return err
		}
		if err := l.powerOn(l.hosts["router"]); err != nil {
			return err
		}
		began := time.Now()
		if err := c.play(ctx); err != nil {
			return err
		}
		if err := l.end(); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%v of %v were played, %d steps\n", time.Since(began).Round(time.Second), t.To-t.From, c.count())
		return errors.Join(l.tellDay(c, &t, out), l.finish())
	})
}

// daySeed is of the day's small chances: which page is read for how long.
const daySeed = 8
