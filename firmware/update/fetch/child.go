package fetch

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"cafeprobe/firmware/slot"
	"cafeprobe/firmware/update"
)

// maxJob bounds what a child is asked, in octets.
const maxJob = 64 << 10

// Child does a child's part: it reads an update.Job from in, and says update.Reports to out, one a line. place opens the slot,
// where the job is to write. What is refused or fails is said; an error is returned when it could not be.
func Child(ctx context.Context, in io.Reader, out io.Writer, place func() slot.Place) error {
	var job update.Job
	if err := json.NewDecoder(io.LimitReader(in, maxJob)).Decode(&job); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	w := bufio.NewWriter(out)
	var said error
	say := func(r update.Report) {
		b, err := json.Marshal(r)
		if err == nil {
			_, _ = w.Write(append(b, '\n'))
			err = w.Flush()
		}
		if said == nil {
			said = err
		}
	}
	if err := do(ctx, job, place, say); err != nil {
		say(update.ReportOf(err))
	}
	return said
}

func do(ctx context.Context, job update.Job, place func() slot.Place, say func(update.Report)) error {
	f, end, err := open(job, say)
	if err != nil {
		return err
	}
	defer end()
	if job.Found == nil {
		found, err := f.find(ctx)
		if err == nil {
			say(update.Report{Found: &found})
		}
		return err
	}
	err = missing(f.write(ctx, place()))
	if err == nil {
		say(update.Report{Written: true})
	}
	return err
}

// Main is the whole of a child process that update.Process runs: the job at standard input, reports at standard output, the slot
// as update.SlotFD. It returns the exit status.
func Main() int {
	// Not before it is known to be there: without a slot the number may be a file of the run time's.
	place := func() slot.Place { return os.NewFile(update.SlotFD, "slot") }
	if err := Child(context.Background(), os.Stdin, os.Stdout, place); err != nil {
		fmt.Fprintln(os.Stderr, "update:", err)
		return 1
	}
	return 0
}
