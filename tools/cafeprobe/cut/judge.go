package cut

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cafeprobe/firmware/init/data"
	"cafeprobe/firmware/init/events"
	"cafeprobe/firmware/init/part"
	"cafeprobe/firmware/init/provision"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/spool"
)

// Kinds of violations.
var (
	ErrSlots = errors.New("no slot for sure") // boot state or slots
	ErrTable = errors.New("partition table")
	ErrData  = errors.New("data")  // the file system or a file in it
	ErrChain = errors.New("chain") // a record that the province holds
)

// Disk is a card. What is judged is written to: it lives on for a boot.
type Disk interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// Found is what a power cut left, beside violations.
type Found struct {
	Grown   bool // the next boot has to grow the partition
	Tried   bool // the next boot is a trial
	Mended  bool // the checker had to do more than every power cut asks for
	Anew    bool // the data have to be made anew, and nothing is lost with them
	Records int  // in the spool
	Known   int  // of them, those that the province held before
}

// Card is a box's card.
type Card struct {
	Disk
	Size      int64            // octets
	Parts     map[string]int64 // where partitions begin, octets
	Firmwares []Firmware       // what slots may hold
	Check     string           // e2fsck
	Extract   func(path string, at, size int64) error
}

// Judge says what is wrong with the card, if anything: known are the records that the province held when the power was cut. dir is an
// empty folder, for what is made on the way. What is left to do when it returns, rest does: it needs the card no more.
func (c *Card) Judge(dir string, known []uplink.Head) (f *Found, rest func(context.Context) error, err error) {
	f = &Found{}
	slots := c.raw
	if _, pc := c.Parts[part.ESP]; pc {
		slots = func(f *Found) error { return c.esp(dir, f) }
	}
	if err := slots(f); err != nil {
		return f, nil, err
	}
	state := io.NewSectionReader(c, c.Parts[part.State], provision.Offset+provision.Max+4096)
	_, given := provision.Read(state)
	p, grown, err := data.Grow(c, c.Size, part.Data)
	if err != nil {
		return f, nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	f.Grown = grown
	if p.Start != c.Parts[part.Data] {
		return f, nil, fmt.Errorf("%w: the data begin at %d, want %d", ErrTable, p.Start, c.Parts[part.Data])
	}
	path := filepath.Join(dir, "data.ext4")
	if err := c.Extract(path, p.Start, p.Size); err != nil {
		return f, nil, err
	}
	return f, func(ctx context.Context) error { return judgeData(ctx, c.Check, path, given, known, f) }, nil
}

// judgeData judges the data partition, of which path is a copy. given is the error of who looks for what the technician gave.
func judgeData(ctx context.Context, check, path string, given error, known []uplink.Head, f *Found) error {
	tree, err := files(ctx, check, path, f)
	if errors.Is(err, errAnew) && given == nil && len(known) == 0 {
		f.Anew = true // nothing was in it
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	if err := provisioned(tree, given); err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	if err := parses(tree); err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	return chain(filepath.Join(tree, "cafeprobe", "state"), known, f)
}

// errAnew is wrapped by the error of files for a file system that PID 1 makes anew.
var errAnew = errors.New("the data are to be made anew")

// files has the file system at path checked as PID 1 does, and returns a folder with what is in it.
func files(ctx context.Context, check, path string, f *Found) (string, error) {
	var err error
	if f.Mended, err = data.Check(check, path); err != nil && !f.Mended {
		return "", fmt.Errorf("%w: %w", errAnew, err)
	}
	tree := path + ".files"
	if err := os.Mkdir(tree, 0o700); err != nil {
		return "", err
	}
	// It exits with 0 whatever happens, and says so; whose the files are only root can keep.
	b, err := exec.CommandContext(ctx, "debugfs", "-R", "rdump / "+tree, path).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("read the data's files: %w: %s", err, b)
	}
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "debugfs ") && !strings.Contains(line, "changing ownership") {
			return "", fmt.Errorf("read the data's files: %s", line)
		}
	}
	return tree, nil
}

// provisioned says whether the box still knows what the technician gave it: in partition state, or unpacked.
func provisioned(tree string, given error) error {
	_, err := os.Stat(filepath.Join(tree, "cafeprobe", "config.json"))
	if err == nil {
		_, err = os.Stat(filepath.Join(tree, "cafeprobe", "state", "tls", credential.CAFile))
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if given != nil {
		return fmt.Errorf("what the technician gave is lost: %w", given)
	}
	return nil
}

// parses says whether each file of settings and of PID 1's is whole. One that was being written has another name.
func parses(tree string) error {
	err := filepath.WalkDir(tree, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Ext(p) != ".json" {
			return err
		}
		b, err := os.ReadFile(p)
		if err == nil && !json.Valid(b) {
			err = fmt.Errorf("%s is torn: %d octets", strings.TrimPrefix(p, tree), len(b))
		}
		return err
	})
	if err != nil {
		return err
	}
	dir := filepath.Join(tree, "init", "events")
	left, err := filepath.Glob(filepath.Join(dir, "*.new")) // which its reader takes for none of its own, and removes
	if err != nil {
		return err
	}
	for _, p := range left {
		if err := os.Remove(p); err != nil {
			return err
		}
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err = events.Open(dir, "next")
	return err
}

// chain opens the spool as the daemon does, and looks for what the province knows.
func chain(dir string, known []uplink.Head, f *Found) (err error) {
	id, err := spool.LoadIdentity(filepath.Join(dir, spool.IdentityFile))
	if errors.Is(err, fs.ErrNotExist) && len(known) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	if len(known) > 0 {
		c, err := credential.Open(filepath.Join(dir, "tls"), credential.Config{Box: id.Box, Key: id.Public(), Now: time.Now})
		if err == nil {
			err = c.Ready()
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrData, err)
		}
	}
	s, err := spool.Open(dir, id, spool.Config{Wary: true})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChain, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if st := s.Stats(); st.Corrupt > 0 || st.Fault != "" {
		return fmt.Errorf("%w: %d files are broken, %s", ErrChain, st.Corrupt, st.Fault)
	}
	if err := holds(s, known, f); err != nil {
		return fmt.Errorf("%w: %w", ErrChain, err)
	}
	return goesOn(s, known)
}

// holds says whether the spool has all records that are known, as they are known.
func holds(s *spool.Spool, known []uplink.Head, f *Found) error {
	have := map[uint64]uplink.Hash{}
	for from := uint64(1); ; {
		list, err := s.Read(from, 1<<12, 1<<24)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for _, r := range list {
			have[r.Seq] = r.Hash
		}
		from = list[len(list)-1].Seq + 1
	}
	f.Records, f.Known = len(have), len(known)
	for _, h := range known {
		switch got, ok := have[h.Seq]; {
		case !ok:
			return fmt.Errorf("record %d, which the province holds, is lost; %d are there", h.Seq, len(have))
		case got != h.Hash:
			return fmt.Errorf("record %d is another than the province's", h.Seq)
		}
	}
	return nil
}

// goesOn says whether the chain goes on behind what is known, without a fork.
func goesOn(s *spool.Spool, known []uplink.Head) error {
	last := uplink.Head{}
	if n := len(known); n > 0 {
		last = known[n-1]
		if err := s.SetReceipt(last); err != nil {
			return fmt.Errorf("%w: %w", ErrChain, err)
		}
	}
	r, err := uplink.Encode(&uplink.Blind{Stamp: uplink.Stamp{Quality: uplink.QualityNone}, Why: "no-frames", Blind: true})
	if err != nil {
		return err
	}
	seq, err := s.Append(r)
	if err == nil {
		err = s.Commit()
	}
	if err == nil && seq <= last.Seq {
		err = fmt.Errorf("number %d is given again: the province holds %d", seq, last.Seq)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChain, err)
	}
	return nil
}
