package proof

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/go-pdf/fpdf"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/ledger"
	"cafeprobe/firmware/sheet"
	"cafeprobe/uplink"
	"cafeprobe/uplink/fingerprint"
)

// attached is what is inside a proof.
type attached struct{ records, statement []byte }

const (
	codeSize  = 30.0
	maxListed = 5 // spans of a kind; the attachment has all
	notice    = "Thông tin phục vụ kiểm tra, không phải kết luận vi phạm. · Information for inspection, not a finding of an offence."
)

// tints are what minutes are drawn in. Each has a height too, so that a copy without colours says the same.
var tints = map[ledger.State]struct {
	colour sheet.Colour
	height float64 // of 1
}{
	ledger.Seen:    {sheet.Colour{150, 200, 165}, 0.5},
	ledger.Off:     {sheet.Colour{90, 90, 90}, 0.25},
	ledger.Blind:   {sheet.Colour{170, 170, 170}, 0.25},
	ledger.Gap:     {sheet.Colour{200, 120, 60}, 0.25},
	ledger.Unknown: {sheet.Colour{225, 225, 225}, 0.12},
}

// reasons and stages are words of records, as a person reads them; what is not among them stands as it is.
var (
	reasons = map[string]string{
		"link-down": "cổng mạng mất kết nối", "no-frames": "không có dữ liệu đi qua", "broadcasts": "chỉ thấy gói phát rộng",
		"dropped": "không kịp đọc dữ liệu", "source-ended": "nguồn dữ liệu đã hết", ledger.WhyPlain: "cổng thường",
		"second-switch": "có đường không qua cổng sao chép", "one-way": "cổng sao chép chỉ một chiều", "one-port": "cổng sao chép khác",
		uplink.BootPower: "mất điện", "reboot": "khởi động lại", "watchdog": "tự khởi động lại", "update": "cập nhật", "boot": "khởi động",
	}
	stages = map[string]string{uplink.StageWatch: "lưu ý", uplink.StageAlert: "đề nghị kiểm tra", uplink.StageEnd: "tổng kết đêm"}
	by     = map[string]string{uplink.ByOwner: "chủ điểm báo", uplink.ByProvince: "tỉnh báo"}
)

var used = sheet.Colour{176, 60, 0}

// page is a proof that is drawn.
type page struct {
	*sheet.Sheet
	s *Statement
	n *ledger.Night
}

// draw returns the PDF. It is the same for the same statement and attachments.
func draw(s *Statement, n *ledger.Night, key ed25519.PublicKey, in attached) ([]byte, error) {
	title := "Giấy xác nhận của đêm " + day(s.Night) + " " + string(s.Box)
	p := page{sheet.New(title, "vi", s.AsOf.Time()), s, n}
	p.SetAttachments([]fpdf.Attachment{
		{Content: in.records, Filename: recordsName, Description: "records"}, {Content: in.statement, Filename: statementName, Description: "statement"},
	})
	if err := p.head(key); err != nil {
		return nil, err
	}
	p.verdict()
	p.strip()
	p.figures()
	p.gone("Thiết bị tắt", "the box was off", s.Off)
	p.gone("Không quan sát được", "it could not see", s.Blind)
	p.gone("Mất bản ghi", "records are lost", s.Lost)
	p.told()
	p.foot(key)
	var b bytes.Buffer
	if err := p.Output(&b); err != nil {
		return nil, fmt.Errorf("draw the proof: %w", err)
	}
	return b.Bytes(), nil
}

// say writes a sentence in Vietnamese, and below it the same in English, small.
func (p *page) say(size float64, style string, c sheet.Colour, vi, en string) {
	p.Y += p.Write(sheet.Margin, p.Y, sheet.Width, size, style, c, vi)
	p.Y += p.Write(sheet.Margin, p.Y, sheet.Width, sheet.Small, "", sheet.Grey, en) + 1.2
}

func (p *page) head(key ed25519.PublicKey) error {
	w := sheet.Width - codeSize - 6
	sum := sha256.Sum256(key)
	code := "cafeprobe 1 " + string(p.s.Box) + " " + hex.EncodeToString(sum[:])
	if err := p.Code(sheet.PageWidth-sheet.Margin-codeSize, sheet.Margin, codeSize, code); err != nil {
		return err
	}
	y := p.Y
	write := func(size float64, style string, c sheet.Colour, text string) {
		y += p.Write(sheet.Margin, y, w, size, style, c, text) + 0.8
	}
	write(16, "B", sheet.Black, "Giấy xác nhận của đêm "+day(p.s.Night))
	write(sheet.Body, "", sheet.Grey, "Proof of the night of "+day(p.s.Night))
	write(sheet.Body, "", sheet.Black, fmt.Sprintf("Thiết bị %s, tỉnh %s, chuỗi bản ghi %s", p.s.Box, p.s.Province, p.s.Chain))
	write(sheet.Body, "", sheet.Black, fmt.Sprintf("Khung giờ không được mở máy: %s (%s đến %s)", p.s.Hours, clock(p.s.From), clock(p.s.To)))
	write(sheet.Small, "", sheet.Grey, "Hours in which nobody may use a station, Viet Nam time. The code names the box and its key.")
	p.Y = max(y, sheet.Margin+codeSize) + 3
	p.Rule()
	p.Y += 4
	return nil
}

func (p *page) verdict() {
	m := &p.s.Minutes
	total := len(p.n.Minutes)
	switch p.n.Verdict {
	case ledger.Closed:
		p.say(13, "B", sheet.Green, "Đóng cửa: không có máy nào được sử dụng.", "Closed: no station was in use.")
		p.say(sheet.Body, "", sheet.Black, fmt.Sprintf("Thiết bị quan sát được cả %d phút của khung giờ.", total), fmt.Sprintf("The box saw all %d minutes.", total))
	case ledger.Partly:
		p.say(13, "B", sheet.Amber, fmt.Sprintf("Không có máy nào được sử dụng trong %d phút quan sát được.", m.Seen),
			fmt.Sprintf("No station was in use in the %d minutes that were seen.", m.Seen))
		if m.Seen < total {
			p.unseen(total - m.Seen)
		}
		if m.Unsure+m.Hiding > 0 {
			p.say(sheet.Body, "", sheet.Black, fmt.Sprintf("%d phút có giờ chưa chắc chắn; %d phút có máy không quan sát được.", m.Unsure, m.Hiding),
				fmt.Sprintf("Minutes whose time is not certain: %d; in which some stations were not seen: %d.", m.Unsure, m.Hiding))
		}
	default:
		p.say(13, "B", sheet.Black, fmt.Sprintf("Có dấu hiệu máy được sử dụng từ %s đến %s.", clock(p.s.First), clock(p.s.Last)),
			fmt.Sprintf("Stations appear to have been in use, first and last as above; not seen: %d minutes.", total-m.Seen))
		p.say(sheet.Body, "", sheet.Black, fmt.Sprintf("Nhiều nhất %d máy cùng lúc, tổng cộng %d phút máy.", p.s.Peak, p.s.InUse),
			fmt.Sprintf("Stations at once: %d at most; station-minutes: %d.", p.s.Peak, p.s.InUse))
	}
	p.Y += 2
}

// unseen says that of n minutes nothing is claimed.
func (p *page) unseen(n int) {
	p.say(sheet.Body, "", sheet.Black, fmt.Sprintf("%d phút của khung giờ không quan sát được; trong đó có được sử dụng hay không thì không biết.", n),
		fmt.Sprintf("%d minutes were not seen; of them nothing is claimed.", n))
}

// strip draws the minutes of the night, from left to right.
func (p *page) strip() {
	const height = 16.0
	w := sheet.Width / float64(max(1, len(p.n.Minutes)))
	base := p.Y + height
	for i := 0; i < len(p.n.Minutes); {
		from := i
		m := p.n.Minutes[i]
		for i < len(p.n.Minutes) && p.n.Minutes[i].State == m.State && p.n.Minutes[i].InUse == m.InUse {
			i++
		}
		t := tints[m.State]
		c, h := t.colour, t.height*height
		if m.InUse > 0 {
			c, h = used, height*(0.6+0.4*float64(m.InUse)/float64(max(1, p.s.Peak)))
		}
		p.Fill(sheet.Margin+float64(from)*w, base-h, float64(i-from)*w, h, c)
	}
	p.Y = base
	p.Rule()
	for at := p.n.From; !at.After(p.n.To); at = at.Add(time.Hour) {
		x := sheet.Margin + at.Sub(p.n.From).Minutes()*w
		p.Write(min(x, sheet.PageWidth-sheet.Margin-8), p.Y+0.5, 10, 6.5, "", sheet.Grey, at.In(hours.Zone).Format("15:04"))
	}
	p.Y += 5
	x := sheet.Margin
	for _, l := range []struct {
		c    sheet.Colour
		h    float64
		text string
	}{
		{tints[ledger.Seen].colour, 0.5, "quan sát được, không dùng · seen, none in use"},
		{used, 1, "đang dùng · in use"},
		{tints[ledger.Blind].colour, 0.25, "không quan sát được · not seen"},
		{tints[ledger.Off].colour, 0.25, "tắt · off"},
		{tints[ledger.Gap].colour, 0.25, "mất · lost"},
	} {
		p.Fill(x, p.Y+3-3*l.h, 3, 3*l.h, l.c)
		p.SetFont("sans", "", 6)
		p.Write(x+3.8, p.Y+0.4, 60, 6, "", sheet.Grey, l.text)
		x += 3.8 + p.GetStringWidth(l.text) + 3.5
	}
	p.Y += 7
}

func (p *page) figures() {
	m := &p.s.Minutes
	p.say(sheet.Body, "", sheet.Black,
		fmt.Sprintf("Số phút: quan sát được %d, thiết bị tắt %d, không quan sát được %d, mất bản ghi %d, chưa rõ %d; giờ chưa chắc chắn %d.",
			m.Seen, m.Off, m.Blind, m.Lost, m.Unknown, m.Unsure),
		fmt.Sprintf("Minutes: seen %d, off %d, not seen %d, records lost %d, unknown %d; of uncertain time %d.",
			m.Seen, m.Off, m.Blind, m.Lost, m.Unknown, m.Unsure))
}

// gone lists times of which nothing is claimed.
func (p *page) gone(vi, en string, list []Span) {
	if len(list) == 0 {
		return
	}
	var parts []string
	for _, x := range list[:min(len(list), maxListed)] {
		why := ""
		if x.Why != "" {
			why = " (" + cmp.Or(reasons[x.Why], x.Why) + ")"
		}
		parts = append(parts, clock(x.From)+"–"+clock(x.To)+why)
	}
	if n := len(list) - maxListed; n > 0 {
		parts = append(parts, fmt.Sprintf("+%d", n))
	}
	p.say(sheet.Body, "", sheet.Black, vi+": "+strings.Join(parts, ", ")+".", sheet.Capital(en)+".")
}

// told says what the box told the province of the night, and what was announced.
func (p *page) told() {
	if len(p.s.Alerts) == 0 {
		p.say(sheet.Body, "", sheet.Black, "Thiết bị không báo gì về đêm này cho tỉnh.", "The box told the province nothing of this night.")
	}
	for _, a := range p.s.Alerts {
		p.say(sheet.Body, "", sheet.Black,
			fmt.Sprintf("Đã báo cho tỉnh (bản ghi %d, %s): nhiều nhất %d máy, %d phút máy; ý kiến của chủ điểm: %d.", a.Seq, cmp.Or(stages[a.Stage], a.Stage), a.Peak, a.Minutes, a.Disputes),
			fmt.Sprintf("Told to the province (record %d); the owner's disputes: %d.", a.Seq, a.Disputes))
	}
	for _, m := range p.s.Maintenance[:min(len(p.s.Maintenance), maxListed)] {
		p.say(sheet.Body, "", sheet.Black, fmt.Sprintf("Bảo trì đã báo trước: %s–%s (%s).", clock(m.From), clock(m.To), cmp.Or(by[m.By], m.By)), "Announced maintenance.")
	}
}

func (p *page) foot(key ed25519.PublicKey) {
	p.Y = max(p.Y+2, sheet.PageHeight-sheet.Margin-44)
	p.Rule()
	p.Y += 2
	p.say(sheet.Body, "B", sheet.Black, notice,
		fmt.Sprintf("Bản ghi %d đến %d ở trong tệp này · records %d to %d are inside this file.", p.s.Records.First, p.s.Records.Last, p.s.Records.First, p.s.Records.Last))
	p.say(sheet.Body, "", sheet.Black,
		"Ký bởi thiết bị lúc "+p.s.AsOf.Time().In(hours.Zone).Format("15:04 02/01/2006")+". Kiểm tra không cần mạng: cafeprobe verify TỆP. Thay đổi một byte là bị từ chối.",
		"Signed by the box. To verify, without any network: cafeprobe verify FILE. A single octet that is changed is refused.")
	p.say(sheet.Small, "", sheet.Black, "Khóa của thiết bị: "+b64.EncodeToString(key)+", vân tay: "+fingerprint.Of(key),
		"The box's key and its fingerprint: compare them with the registry.")
}

func clock(t uplink.Time) string { return t.Time().In(hours.Zone).Format("15:04 02/01") }

func day(night string) string {
	d, err := hours.ParseDate(night)
	if err != nil {
		return night
	}
	return d.Start().In(hours.Zone).Format("02/01/2006")
}
