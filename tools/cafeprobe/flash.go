package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"cafeprobe/firmware/init/provision"
	"cafeprobe/tools/flash"
	"cafeprobe/tools/lang"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

type flashCmd struct {
	Image     string `placeholder:"PATH" help:"Image of the card (also .zst, .xz, .gz), or the folder that make image made. With one folder in out/image, that."`
	Provision string `placeholder:"DIR" help:"Folder with this box's own files (config.json, net.json, state/…), which go onto the card too."`
	Force     bool   `help:"Write to a disk that is built in, as a box's own eMMC. Never to one that is in use."`
	Confirm   string `placeholder:"NAME" help:"The disk's name once more, as sdb; without it, it is asked for."`
	Lang      string `enum:"auto,vi,en" default:"auto" help:"Language: vi, en, or that of the environment (auto)."`
	Disk      string `arg:"" optional:"" name:"DISK" help:"Disk to write, as sdb; a file does as well. Without it, disks are listed."`
}

// Run writes a card, or lists what could be written.
func (c *flashCmd) Run(ctx context.Context) error {
	l := lang.Of(c.Lang)
	err := c.run(ctx, l)
	if errors.Is(err, context.Canceled) {
		return errors.New(lang.Text{
			VI: "đã dừng: thẻ chưa khởi động được; chạy lại để ghi từ đầu", EN: "stopped: the card does not start as it is; run this again to write it anew",
		}.In(l))
	}
	return inWords(err, l)
}

// inWords returns err as a technician reads it in a language.
func inWords(err error, l lang.Lang) error {
	if s := status(0); err == nil || errors.As(err, &s) {
		return err
	}
	return errors.New(lang.Words(err, l))
}

func (c *flashCmd) run(ctx context.Context, l lang.Lang) error {
	var machine flash.Machine
	if c.Disk == "" {
		return c.list(machine, l)
	}
	d, err := machine.Find(c.Disk)
	if err != nil {
		return err
	}
	if err := d.Check(0, c.Force); err != nil { // before an image is read for a minute
		return err
	}
	m, err := c.open()
	if err != nil {
		return err
	}
	if err := d.Check(m.Size, c.Force); err != nil {
		return err
	}
	if c.Provision != "" {
		files, err := provision.Folder(c.Provision)
		if err != nil {
			return err
		}
		if err := m.Provision(files); err != nil {
			return err
		}
	}
	if err := c.agree(d, m, l); err != nil {
		return err
	}
	return c.write(ctx, d, m, l)
}

// open opens the image that is meant.
func (c *flashCmd) open() (*flash.Image, error) {
	if c.Image != "" {
		return flash.Open(c.Image)
	}
	made, _ := filepath.Glob("out/image/*") // the pattern is sound
	if len(made) == 1 {
		return flash.Open(made[0])
	}
	return nil, &lang.Fault{
		What: lang.Text{VI: "chưa rõ ghi ảnh nào (%d ảnh trong out/image)", EN: "which image is not said (%d in out/image)"}, Args: []any{len(made)},
		Do: lang.Text{VI: "chỉ ra bằng --image out/image/BOARD", EN: "name it: --image out/image/BOARD"},
	}
}

// list shows the disks, and why some of them are not to be written.
func (c *flashCmd) list(machine flash.Machine, l lang.Lang) error {
	disks, err := machine.Disks()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, lang.Text{VI: "TÊN\tDUNG LƯỢNG\tLOẠI\tKẾT NỐI\t", EN: "NAME\tSIZE\tMODEL\tBUS\t"}.In(l))
	free := ""
	for _, d := range disks {
		note := ""
		if err := d.Check(0, c.Force); err != nil {
			note = lang.Words(err, l)
		} else {
			free = d.Name
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", d.Name, flash.Octets(d.Size), printable(d.Model), d.Bus, note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if free == "" {
		_, err = fmt.Println(lang.Text{VI: "Không có thẻ nào ghi được: hãy cắm thẻ vào.", EN: "None of them can be written: put a card in."}.In(l))
	} else {
		_, err = fmt.Println(lang.Text{VI: "Ghi thẻ: cafeprobe flash --image ẢNH %s", EN: "To write one: cafeprobe flash --image IMAGE %s"}.In(l, free))
	}
	return err
}

// printable leaves out what a disk's maker put into its name that a terminal obeys.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// agree has the user give the disk's name once more.
func (c *flashCmd) agree(d *flash.Disk, m *flash.Image, l lang.Lang) error {
	name := c.Confirm
	if name == "" {
		if !term.IsTerminal(int(os.Stdin.Fd())) {
			return &lang.Fault{
				What: lang.Text{VI: "không hỏi lại được tên ổ đĩa", EN: "nobody is there to give the disk's name once more"},
				Do:   lang.Text{VI: "thêm --confirm TÊN", EN: "add --confirm NAME"},
			}
		}
		what := m.Path
		if m.Release.Board != "" {
			what = m.Release.Board + " " + m.Release.Version
		}
		fmt.Print(lang.Text{
			VI: "Ghi %[1]s (%[2]s) lên %[3]s (%[4]s, %[5]s).\nMọi dữ liệu trên thẻ sẽ mất. Gõ lại tên %[6]q để đồng ý: ",
			EN: "%[1]s (%[2]s) goes onto %[3]s (%[4]s, %[5]s).\nAll that is on it will be lost. Type its name %[6]q to agree: ",
		}.In(l, what, flash.Octets(m.Size), d.Path, flash.Octets(d.Size), strings.TrimSpace(printable(d.Model)+" "+d.Bus), d.Name))
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, 1024)).ReadString('\n')
		if err != nil && line == "" {
			return fmt.Errorf("hear the disk's name: %w", err)
		}
		name = strings.TrimSpace(line)
	}
	if name != d.Name {
		return &lang.Fault{
			What: lang.Text{VI: "tên không khớp: %q, không phải %q", EN: "the names differ: %q, not %q"}, Args: []any{name, d.Name},
			Do: lang.Text{VI: "không ghi gì; xem lại tên thẻ", EN: "nothing was written; see which card it is"},
		}
	}
	return nil
}

// write writes, with a bar on a terminal, and says what was done.
func (c *flashCmd) write(ctx context.Context, d *flash.Disk, m *flash.Image, l lang.Lang) (err error) {
	f, err := flash.Create(d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	names := map[flash.Phase]string{
		flash.Writing: lang.Text{VI: "Ghi", EN: "Writing"}.In(l), flash.Verifying: lang.Text{VI: "Kiểm tra lại", EN: "Reading back"}.In(l),
	}
	var bar *progressbar.ProgressBar
	phase := flash.Phase(-1)
	r, err := flash.Write(ctx, m, f, d.Size, func(p flash.Phase, done int64) {
		if p != phase {
			phase, bar = p, progress(names[p], m.Size)
		}
		if bar != nil {
			_ = bar.Set64(done) // a bar that cannot be drawn stops nothing
		}
	})
	if err != nil {
		return err
	}
	flash.Reread(f)
	rate := func(t time.Duration) float64 { return float64(r.Octets) / 1e6 / max(t.Seconds(), 1e-3) }
	_, err = fmt.Println(lang.Text{
		VI: "%[1]s: đã ghi %[2]s trong %.1[3]f s (%.1[4]f MB/s), đọc lại khớp trong %.1[5]f s. Có thể rút thẻ ra.",
		EN: "%[1]s: %[2]s written in %.1[3]f s (%.1[4]f MB/s), read back the same in %.1[5]f s. The card can be taken out.",
	}.In(l, d.Path, flash.Octets(r.Octets), r.Write.Seconds(), rate(r.Write), r.Verify.Seconds()))
	return err
}

// progress returns a bar with rate and time left; where nobody looks, none.
func progress(name string, size int64) *progressbar.ProgressBar {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	return progressbar.NewOptions64(size, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(name),
		progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(true), progressbar.OptionOnCompletion(func() { fmt.Fprintln(os.Stderr) }))
}
