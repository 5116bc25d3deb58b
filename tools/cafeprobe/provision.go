package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cafeprobe/firmware/health"
	"cafeprobe/firmware/init/commission"
	"cafeprobe/tools/label"
	"cafeprobe/tools/lang"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/provision"
	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
	"cafeprobe/uplink/fingerprint"
)

type provisionCmd struct {
	From        string `required:"" placeholder:"FILE" help:"Room file: the boxes, and what they are given; cafeprobe province room writes one."`
	Box         string `placeholder:"ID" help:"Which of its boxes this is; of a file with one box it need not be said."`
	serialPort  `embed:""`
	Other       bool          `help:"The box is to become another one than it was; its keys and records are put away on it."`
	Certificate string        `placeholder:"FILE" help:"A technician's certificate and key (PEM), for a box that is in use: see province technician."`
	Receipt     time.Duration `default:"10m" help:"How long to wait until the province holds a record; 0: not at all."`
	Label       string        `placeholder:"FILE" help:"Where the box's label goes, a PDF of 62 × 29 mm; label-ID.pdf if it is not said. Print it, and remove the file: it has the owner's code."`
	Log         string        `default:"provision.log" placeholder:"FILE" help:"What was done is added here, a JSON object a line: ${default}."`
	Lang        string        `enum:"auto,vi,en" default:"auto" help:"Language: vi, en, or that of the environment (auto)."`
}

// Run makes the box at the serial cable a café's.
func (c *provisionCmd) Run(ctx context.Context) error {
	l := lang.Of(c.Lang)
	err := c.run(ctx, l)
	if errors.Is(err, context.Canceled) {
		err = &lang.Fault{
			What: lang.Text{VI: "đã dừng", EN: "stopped"},
			Do:   lang.Text{VI: "thiết bị vẫn như cũ hoặc đã nhận đủ; chạy lại để tiếp tục", EN: "the box is as it was, or has all; run this again to go on"},
		}
	}
	return inWords(err, l)
}

// done is a line of the log.
type done struct {
	At          time.Time `json:"at"`
	Box         string    `json:"box"`
	Cafe        string    `json:"cafe,omitempty"`
	Province    string    `json:"province"`
	Board       string    `json:"board,omitempty"`
	Release     string    `json:"release,omitempty"`
	Key         []byte    `json:"key,omitempty"` // public
	Fingerprint string    `json:"fingerprint,omitempty"`
	Seconds     float64   `json:"seconds"`
	Error       string    `json:"error,omitempty"`
}

func (c *provisionCmd) run(ctx context.Context, l lang.Lang) error {
	room, err := provision.LoadRoom(c.From)
	if err != nil {
		return err
	}
	box, err := room.Box(c.Box)
	if err != nil {
		return err
	}
	files, err := box.Files()
	if err != nil {
		return err
	}
	cfg := provision.Config{Files: files, Box: box.ID, Other: c.Other, By: laptop(), Receipt: c.Receipt}
	if c.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(c.Certificate, c.Certificate)
		if err != nil {
			return fmt.Errorf("the technician's certificate: %w", err)
		}
		cfg.Certificate = &pair
	}
	cfg.Open = c.open
	path := cmp.Or(c.Label, "label-"+box.ID+".pdf")
	cfg.Label = func(l commission.Label) error { return writeLabel(path, l, time.Now()) }
	cfg.Tell = (&teller{out: os.Stdout, l: l, box: box, label: path}).tell
	began := time.Now()
	h, err := provision.Give(ctx, cfg)
	d := done{
		At: began.UTC().Truncate(time.Second), Box: box.ID, Cafe: box.Name, Province: box.Province, Board: h.Board, Release: h.Release, Key: h.Key,
		Fingerprint: h.Fingerprint, Seconds: time.Since(began).Seconds(),
	}
	if err != nil {
		d.Error = err.Error()
	}
	return errors.Join(err, c.note(d))
}

// writeLabel writes a box's label, for nobody else to read: it has the owner's code.
func writeLabel(path string, l commission.Label, at time.Time) error {
	var b bytes.Buffer
	err := label.Write(&b, label.Label{Box: l.Box, QR: fingerprint.Code(l.Box, l.Key), Code: l.Code, Address: l.Address, Page: l.Page}, at)
	if err == nil {
		err = durable.WriteFile(path, b.Bytes())
	}
	if err != nil {
		return fmt.Errorf("write the label: %w", err)
	}
	return nil
}

// note adds a line to the log.
func (c *provisionCmd) note(d done) error {
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.Log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	return nil
}

// laptop names this machine to the box, so that it knows it again after the cable was pulled out.
func laptop() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "laptop"
	}
	return name[:min(len(name), 64)]
}

// teller tells a technician how it goes on, each thing once.
type teller struct {
	out   io.Writer
	l     lang.Lang
	box   provision.Box
	label string // where it is written to
	last  string
}

func (t *teller) say(text lang.Text, args ...any) {
	if s := text.In(t.l, args...); s != t.last {
		t.last = s
		fmt.Fprintln(t.out, s)
	}
}

func (t *teller) tell(s provision.Step) {
	words := ""
	if s.Err != nil {
		words = lang.Words(s.Err, t.l)
	}
	switch s.Stage {
	case provision.Looking:
		t.say(lang.Text{VI: "đang tìm thiết bị: %s", EN: "looking for the box: %s"}, words)
	case provision.Waiting:
		t.say(lang.Text{VI: "đang chờ: %s", EN: "waiting: %s"}, words)
	case provision.Giving:
		if s.Done == 0 {
			t.say(lang.Text{VI: "thiết bị %s, bản %s: gửi %d byte cấu hình", EN: "box %s, release %s: it is given %d octets"}, s.Hello.Board, s.Hello.Release, s.Total)
		}
	case provision.Given:
		t.say(lang.Text{VI: "thiết bị đã nhận đủ và lưu cấu hình", EN: "the box has all, and keeps it"})
	case provision.Named:
		t.say(lang.Text{
			VI: "thiết bị %[1]s đã tự tạo khóa; khóa không rời khỏi thiết bị\nvân tay: %[2]s   (đọc cho tỉnh qua điện thoại để đối chiếu)",
			EN: "box %[1]s has made its keys, which never leave it\nfingerprint: %[2]s   (read it to the province over the telephone)",
		}, s.Hello.Box, s.Hello.Fingerprint)
	case provision.Labelled:
		if s.Err != nil {
			t.say(lang.Text{
				VI: "chưa có nhãn: %s; rồi chạy lại để lấy nhãn", EN: "no label yet: %s; then run this again to get it",
			}, words)
			return
		}
		t.say(lang.Text{
			VI: "nhãn: %s   (in ra, dán lên thiết bị, rồi xóa tệp: trên nhãn có mã của chủ điểm)",
			EN: "label: %s   (print it, put it on the box, and remove the file: it has the owner's code)",
		}, t.label)
	case provision.Reporting:
		t.health(s.Health)
	case provision.Received:
		t.say(lang.Text{VI: "%s: tỉnh đã nhận bản ghi đầu tiên. Xong.", EN: "%s: the province holds its first record. Done."}, strings.TrimSpace(t.box.ID+" "+t.box.Name))
	}
}

// health tells what of the way to the province does not work yet.
func (t *teller) health(r *health.Report) {
	if r == nil {
		t.say(lang.Text{VI: "chương trình trên thiết bị đang khởi động", EN: "the box's program is starting"})
		return
	}
	for _, name := range []health.Name{health.Uplink, health.Broker} {
		if c := r.Check(name); c.State != health.OK {
			t.say(lang.Text{VI: "%s: %s", EN: "%s: %s"}, name.Title(t.l), c.Sentence(t.l))
			return
		}
	}
	t.say(lang.Text{VI: "đã kết nối với tỉnh, chờ biên nhận đầu tiên", EN: "connected to the province, waiting for its first receipt"})
}

// caFile is the province's CA, beside a room file.
const caFile = "ca.pem"

// roomCmd writes what a technician needs for some boxes: province room.
type roomCmd struct {
	Dir    string        `required:"" help:"The province's folder."`
	Name   string        `default:"demo" help:"The province's name in topics."`
	Broker string        `required:"" placeholder:"URL" help:"As boxes reach it: ssl://host:8883."`
	Enroll string        `required:"" placeholder:"URL" help:"As boxes reach it: https://host:8443."`
	Life   time.Duration `default:"168h" help:"For how long the claim codes can be used."`
	Out    string        `required:"" placeholder:"FILE" help:"Room file to write; the CA goes beside it, as ca.pem."`
	Boxes  []string      `arg:"" name:"BOX" help:"The boxes' ids, as in b-7f3a91c2."`
}

// Run writes a room file with a claim code for each box.
func (c *roomCmd) Run() error {
	if err := notReplaced(c.Dir, c.Boxes...); err != nil {
		return err
	}
	s, private, err := province.OpenBeside(c.Dir)
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	authority, err := openCA(c.Dir)
	if err != nil {
		return err
	}
	defer authority.Close()
	key := base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	room := provision.Room{All: provision.Box{Province: c.Name, Key: key, Broker: c.Broker, Enroll: c.Enroll, CA: caFile}}
	for _, id := range c.Boxes {
		code, err := authority.NewClaim(uplink.BoxID(id), c.Life, false)
		if err != nil {
			return err
		}
		room.Boxes = append(room.Boxes, provision.Box{ID: id, Claim: code})
	}
	text, err := room.Text()
	if err != nil {
		return err
	}
	beside := filepath.Join(filepath.Dir(c.Out), caFile)
	if err := errors.Join(os.WriteFile(beside, authority.Root(), 0o644), os.WriteFile(c.Out, text, 0o600)); err != nil {
		return err
	}
	fmt.Printf("%s: %d boxes; the codes in it are good for %s\n", c.Out, len(c.Boxes), c.Life)
	return nil
}

// technicianCmd makes a technician's certificate: province technician.
type technicianCmd struct {
	Dir  string        `required:"" help:"The province's folder."`
	Out  string        `required:"" placeholder:"FILE" help:"Where the certificate and its key go. Whoever has the file can change what boxes in use are given."`
	Life time.Duration `default:"2160h" help:"For how long it holds. A box cannot learn that it was revoked: keep it short."`
	Name string        `arg:"" name:"NAME" help:"Whose it is."`
}

// Run makes the certificate.
func (c *technicianCmd) Run() error {
	authority, err := openCA(c.Dir)
	if err != nil {
		return err
	}
	pair, err := authority.Technician(c.Name, c.Life)
	if err == nil {
		err = os.WriteFile(c.Out, ca.EncodePair(pair), 0o600)
	}
	return errors.Join(err, authority.Close())
}
