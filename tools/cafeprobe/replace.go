package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cafeprobe/firmware/config"
	"cafeprobe/tools/lang"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/replace"
	"cafeprobe/tools/province/store"
	"cafeprobe/tools/provision"
	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// replaceCmd puts a new box into the place of a dead one: province replace.
type replaceCmd struct {
	Dir    string        `required:"" help:"The province's folder."`
	Name   string        `default:"demo" help:"The province's name in topics."`
	Label  string        `placeholder:"TEXT" help:"The text of the dead box's label, as a scanner reads its QR code, or its id alone; without it, the next line of standard input."`
	New    string        `required:"" placeholder:"BOX" help:"The new box's id, never used before; the dead box's own where only its card or board is another."`
	Reason string        `required:"" help:"Why, in a few words; the province's page shows it."`
	By     string        `help:"Who declares it; without it, the name of this user."`
	Room   string        `placeholder:"FILE" help:"The room file that the dead box was made with: its settings are the new one's."`
	Broker string        `placeholder:"URL" help:"Without --room: the broker as boxes reach it, ssl://host:8883."`
	Enroll string        `placeholder:"URL" help:"Without --room: enrolment as boxes reach it, https://host:8443."`
	Life   time.Duration `default:"168h" help:"For how long the claim code can be used."`
	Out    string        `placeholder:"FILE" help:"Room file to write; the CA goes beside it, as ca.pem. Without it, room-BOX.yaml."`
	Lang   string        `enum:"auto,vi,en" default:"auto" help:"Language: vi, en, or that of the environment (auto)."`
}

// Run carries out the replacement. Torn off, it is run again.
func (c *replaceCmd) Run(ctx context.Context) error {
	l := lang.Of(c.Lang)
	return inWords(c.run(ctx, l, os.Stdin, os.Stdout), l)
}

func (c *replaceCmd) run(ctx context.Context, l lang.Lang, in io.Reader, out io.Writer) (err error) {
	label, err := c.label(l, in, out)
	if err != nil {
		return refusal(err)
	}
	room, err := c.room(string(label.Box))
	if err != nil {
		return err
	}
	s, private, err := province.OpenBeside(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	authority, err := openCA(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, authority.Close()) }()
	d, err := replace.Do(ctx, authority, s, replace.Order{
		Label: label, New: uplink.BoxID(c.New), By: c.by(), Why: c.Reason, Life: c.Life, Now: time.Now(),
	})
	if err != nil {
		return refusal(err)
	}
	box := &room.Boxes[0]
	box.ID, box.Claim, box.Name = c.New, d.Code, cmp.Or(box.Name, d.Site.Name)
	rest, err := ordered(ctx, s, d, box)
	if err != nil {
		return err
	}
	room.All.Key = base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	path := cmp.Or(c.Out, "room-"+c.New+".yaml")
	text, err := room.Text()
	if err == nil {
		err = durable.WriteFileMode(filepath.Join(filepath.Dir(path), caFile), authority.Root(), 0o644)
	}
	if err == nil {
		err = durable.WriteFile(path, text)
	}
	if err != nil {
		return fmt.Errorf("write the room file: %w: run the command again", err)
	}
	c.tell(out, l, d, label, path, rest)
	return nil
}

// label returns what the scanner reads.
func (c *replaceCmd) label(l lang.Lang, in io.Reader, out io.Writer) (replace.Label, error) {
	if c.Label != "" {
		return replace.ParseLabel(c.Label)
	}
	fmt.Fprintln(out, lang.Text{
		VI: "quét mã QR trên nhãn của thiết bị hỏng, hoặc gõ mã thiết bị:", EN: "scan the QR code on the dead box's label, or type its id:",
	}.In(l))
	text, err := bufio.NewReader(io.LimitReader(in, 1024)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return replace.Label{}, err
	}
	return replace.ParseLabel(text)
}

func (c *replaceCmd) by() string {
	if c.By != "" {
		return c.By
	}
	if u, err := user.Current(); err == nil {
		return cmp.Or(u.Name, u.Username)
	}
	return ""
}

// room returns a room of one box, with what the dead one had. What follows from the replacement is filled in later.
func (c *replaceCmd) room(dead string) (*provision.Room, error) {
	if c.Room == "" {
		if c.Broker == "" || c.Enroll == "" {
			return nil, &lang.Fault{
				What: lang.Text{VI: "chưa biết thiết bị mới kết nối đến đâu", EN: "where the new box connects to is not said"},
				Do: lang.Text{
					VI: "thêm --room với tệp đã dùng khi lắp thiết bị hỏng, hoặc --broker và --enroll",
					EN: "give --room with the file that the dead box was made with, or --broker and --enroll",
				},
			}
		}
		all := provision.Box{Province: c.Name, Broker: c.Broker, Enroll: c.Enroll, CA: caFile}
		return &provision.Room{All: all, Boxes: []provision.Box{{ID: c.New}}}, nil
	}
	room, err := provision.LoadRoom(c.Room)
	if err != nil {
		return nil, err
	}
	for _, b := range room.Boxes {
		if b.ID == dead {
			b.CA, room.All.CA = "", caFile
			return &provision.Room{All: room.All, Boxes: []provision.Box{b}}, nil
		}
	}
	return nil, &lang.Fault{
		What: lang.Text{VI: "không có thiết bị %[2]s trong %[1]s", EN: "box %[2]s is not in %[1]s"}, Args: []any{c.Room, dead},
		Do: lang.Text{VI: "dùng đúng tệp, hoặc bỏ --room và thêm --broker, --enroll", EN: "give the right file, or leave --room out and give --broker and --enroll"},
	}
}

// ordered puts what the province has since set on the dead box into the new one's settings, and returns the names of what a
// room file does not hold.
func ordered(ctx context.Context, s *store.Store, d replace.Done, box *provision.Box) (rest []string, err error) {
	if d.OldChain.ID == 0 {
		return nil, nil
	}
	list, err := s.Commands(ctx, d.OldChain)
	if err != nil {
		return nil, err
	}
	var all config.Config
	names := map[string]bool{}
	for _, cmd := range slices.Backward(list) { // oldest first
		if cmd.Verb != string(uplink.VerbSet) || cmd.Result != uplink.ResultDone {
			continue
		}
		set, err := config.ParseSettings(cmd.Args)
		if err != nil {
			continue // the box had another firmware, which knew it
		}
		var changed []string
		all, changed, _ = all.With(set) // only its fields are looked at, and the box has judged them
		for _, name := range changed {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		switch name {
		case "cafe.category":
			box.Category = all.Cafe.Category
		case "cafe.forbidden":
			box.Forbidden = all.Cafe.Forbidden
		case "cafe.vantage":
			box.Vantage = all.Cafe.Vantage
		default:
			rest = append(rest, name)
		}
	}
	return rest, nil
}

// tell says what was done and what comes next.
func (c *replaceCmd) tell(out io.Writer, l lang.Lang, d replace.Done, label replace.Label, path string, rest []string) {
	say := func(t lang.Text, args ...any) { fmt.Fprintln(out, t.In(l, args...)) }
	if d.Again {
		say(lang.Text{VI: "lệnh này đã chạy dở lần trước: nay hoàn tất, mã cũ không dùng được nữa", EN: "this was begun before: it is finished now, and the code given then is over"})
	}
	if label.Key == nil {
		say(lang.Text{
			VI: "lưu ý: chỉ có mã thiết bị, không đối chiếu được khóa trên nhãn", EN: "note: only the id was given, so the key on the label was not compared",
		})
	}
	cafe := cmp.Or(d.Site.Name, lang.Text{VI: "(chưa đăng ký điểm)", EN: "(no café registered)"}.In(l))
	if d.Same() {
		say(lang.Text{VI: "%s, %s: thay thẻ nhớ hoặc bo mạch", EN: "%s, %s: another card or board"}, d.New, cafe)
	} else {
		say(lang.Text{VI: "%[3]s: thiết bị %[2]s thay cho %[1]s", EN: "%[3]s: box %[2]s takes the place of %[1]s"}, d.Old, d.New, cafe)
	}
	if d.OldChain.ID != 0 {
		say(lang.Text{
			VI: "chuỗi cũ %s kết thúc ở bản ghi %d; chuỗi mới được nối khi thiết bị mới gửi tin lần đầu",
			EN: "the old chain %s ends at record %d; the new one is linked when the new box is first heard",
		}, d.OldChain.Name, d.OldChain.Head)
	}
	say(lang.Text{VI: "chứng thư của thiết bị cũ đã bị thu hồi", EN: "the old box's certificates are revoked"})
	if len(rest) > 0 {
		say(lang.Text{
			VI: "đặt lại từ xa sau khi thiết bị mới hoạt động (province order set): %s", EN: "to be set again from afar when the new box runs (province order set): %s",
		}, strings.Join(rest, ", "))
	}
	say(lang.Text{
		VI: "%s: mã dùng được trong %s; kỹ thuật viên chạy: cafeprobe provision --from %[1]s", EN: "%s: its code is good for %s; the technician runs: cafeprobe provision --from %[1]s",
	}, path, c.Life)
}

// refusals are what a person is told of the orders that cannot be carried out.
var refusals = []struct {
	err error
	lang.Fault
}{
	{replace.ErrLabel, lang.Fault{
		What: lang.Text{VI: "không đọc được nhãn", EN: "the label cannot be read"},
		Do: lang.Text{
			VI: "quét lại mã QR (tắt bộ gõ tiếng Việt khi dùng máy quét), hoặc gõ mã thiết bị, như b-00000001",
			EN: "scan the QR code again (with the Vietnamese keyboard off), or type the box's id, as b-00000001",
		},
	}},
	{replace.ErrUnknown, lang.Fault{
		What: lang.Text{VI: "tỉnh chưa từng cấp chứng thư cho thiết bị này", EN: "the province never gave this box a certificate"},
		Do:   lang.Text{VI: "kiểm tra mã thiết bị và tỉnh (--dir)", EN: "check the id, and the province (--dir)"},
	}},
	{replace.ErrKey, lang.Fault{
		What: lang.Text{VI: "khóa trên nhãn không phải khóa của thiết bị mang mã này", EN: "the key on the label is not the key of the box with this id"},
		Do: lang.Text{
			VI: "có thể nhãn dán nhầm, hoặc in trước khi thay thẻ nhớ; xác minh đúng thiết bị rồi gõ mã thiết bị thay cho nhãn",
			EN: "the label may be another box's, or from before its card was replaced: make sure which box it is, then type its id instead",
		},
	}},
	{replace.ErrReplaced, lang.Fault{
		What: lang.Text{VI: "thiết bị này đã được thay", EN: "this box was replaced already"},
		Do:   lang.Text{VI: "nếu thiết bị mới cũng hỏng, hãy quét nhãn của thiết bị mới", EN: "if the new one is dead too, scan the new one's label"},
	}},
	{replace.ErrUsed, lang.Fault{
		What: lang.Text{VI: "mã của thiết bị mới đã được dùng hoặc không hợp lệ", EN: "the new box's id was used before, or is none"},
		Do:   lang.Text{VI: "chọn một mã chưa từng dùng (--new)", EN: "take one that was never used (--new)"},
	}},
	{replace.ErrWords, lang.Fault{
		What: lang.Text{VI: "lý do hoặc tên người làm quá dài, hoặc có ký tự lạ", EN: "the reason or the name is too long, or has odd characters"},
		Do:   lang.Text{VI: "viết ngắn, trên một dòng: lý do tối đa 200 chữ, tên tối đa 80", EN: "write one short line: 200 letters for the reason, 80 for the name"},
	}},
}

// refusal puts err in words.
func refusal(err error) error {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			f := r.Fault
			f.Err = err
			return &f
		}
	}
	return err
}

// notReplaced returns an error if one of boxes was replaced by another: with a new code it would come back beside that.
func notReplaced(dir string, boxes ...string) error {
	s, _, err := province.OpenBeside(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no province has run here yet
	}
	if err != nil {
		return err
	}
	for _, box := range boxes {
		r, ok, err2 := s.ReplacedBy(context.Background(), box)
		if err2 == nil && ok {
			err2 = fmt.Errorf("%s was replaced by %s: mended, it comes back under an id that was never used", box, r.New)
		}
		err = errors.Join(err, err2)
	}
	return errors.Join(err, s.Close())
}
