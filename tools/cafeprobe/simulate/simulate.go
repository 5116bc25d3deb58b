// Package simulate makes captures of rooms that are made up, with the truth beside them, and plays them to an interface.
package simulate

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/wire"
)

// Counts is what was written or sent.
type Counts struct {
	Frames, Octets uint64 // on the wire
	Took           time.Duration
}

// Config configures Save.
type Config struct {
	Snap int // octets of a frame that are kept at most, 0 for all
	// Progress is called now and then with the time that the capture has come to; nil for nobody.
	Progress func(at time.Time)
}

// Save writes the frames of a room that the box can hear to path, as pcap with nanoseconds, gzipped where path ends with
// .gz, and the truth beside it: see Truth. What was written before an error or the end of ctx stays.
func Save(ctx context.Context, r *sim.Room, path string, cfg Config) (c Counts, err error) {
	file, err := os.Create(path)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	began := time.Now()
	buf := bufio.NewWriterSize(file, 1<<20)
	out := io.Writer(buf)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewWriterLevel(buf, gzip.BestSpeed)
		if err != nil {
			return c, err
		}
		out = z
		defer func() { err = errors.Join(err, z.Close(), buf.Flush()) }()
	}
	if err := errors.Join(write(ctx, r, out, cfg, &c), buf.Flush()); err != nil {
		return c, err
	}
	c.Took = time.Since(began)
	return c, saveTruth(r.Truth, path)
}

// write writes all frames of r.
func write(ctx context.Context, r *sim.Room, out io.Writer, cfg Config, c *Counts) error {
	w, err := pcapfile.NewWriter(out, capture.LinkEthernet)
	if err != nil {
		return err
	}
	src := wire.New(r)
	for {
		var f capture.Frame
		if err := src.Next(&f); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if cfg.Snap > 0 && len(f.Data) > cfg.Snap {
			f.Data = f.Data[:cfg.Snap]
		}
		if err := w.Write(&f); err != nil {
			return err
		}
		c.add(&f)
		if c.Frames%65536 != 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped at %v of the room: %w", f.When().Format(time.DateTime), err)
		}
		if cfg.Progress != nil {
			cfg.Progress(f.When())
		}
	}
}

func (c *Counts) add(f *capture.Frame) {
	c.Frames++
	c.Octets += uint64(f.Len)
}

// Truth returns the names of the files beside a capture that hold what is true of it, as TSV and as JSON.
func Truth(path string) (tsv, doc string) {
	base := strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".pcap")
	return base + ".truth.tsv", base + ".truth.json"
}

func saveTruth(t *sim.Truth, path string) error {
	tsv, doc := Truth(path)
	file, err := os.Create(tsv)
	if err != nil {
		return err
	}
	if err := errors.Join(t.WriteTSV(file, filepath.Base(path)), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", tsv, err)
	}
	b, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(doc, append(b, '\n'), 0o644)
}
