package proof

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
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
	maxListed = 3    // spans of a kind, and
	maxTold   = 3    // alerts, a night's stages; the attachment has all
	labelled  = 38.0 // where a row's value begins, behind the margin
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
	p, err := compose(s, n, key, in)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := p.Output(&b); err != nil {
		return nil, fmt.Errorf("draw the proof: %w", err)
	}
	return b.Bytes(), nil
}

func compose(s *Statement, n *ledger.Night, key ed25519.PublicKey, in attached) (*page, error) {
	title := "Giấy xác nhận của đêm " + day(s.Night) + " " + string(s.Box)
	p := &page{sheet.New(title, "vi", s.AsOf.Time()), s, n}
	p.SetAttachments([]fpdf.Attachment{
		{Content: in.records, Filename: recordsName, Description: "records"}, {Content: in.statement, Filename: statementName, Description: "statement"},
	})
	if err := p.head(key); err != nil {
		return nil, err
	}
	p.verdict()
	p.strip()
	p.figures()
	p.gone("Thiết bị tắt", "The box was off", s.Off)
	p.gone("Không quan sát được", "It could not see", s.Blind)
	p.gone("Mất bản ghi", "Records are lost", s.Lost)
	p.told()
	p.held()
	p.foot(key)
	return p, nil
}

// say writes a sentence in Vietnamese, and below it the same in English, small.
func (p *page) say(size float64, style string, c sheet.Colour, vi, en string) {
	p.Y += p.Write(sheet.Margin, p.Y, sheet.Width, size, style, c, vi)
	p.Y += p.Write(sheet.Margin, p.Y, sheet.Width, sheet.Small, "", sheet.Grey, en) + 1.2
}

// row writes what a line is about, in Vietnamese and below it in English, and what it says.
func (p *page) row(vi, en, value, english string) {
	x, w := sheet.Margin+labelled, sheet.Width-labelled
	l := p.Write(sheet.Margin, p.Y, labelled-3, sheet.Body, "", sheet.Grey, vi)
	l += p.Write(sheet.Margin, p.Y+l, labelled-3, sheet.Small, "", sheet.Grey, en)
	h := p.Write(x, p.Y, w, sheet.Body, "", sheet.Black, value)
	if english != "" {
		h += p.Write(x, p.Y+h, w, sheet.Small, "", sheet.Grey, english)
	}
	p.Y += max(l, h) + 1
	p.Rule()
	p.Y += 1
}

func (p *page) head(key ed25519.PublicKey) error {
	w := sheet.Width - codeSize - 6
	if err := p.Code(sheet.PageWidth-sheet.Margin-codeSize, sheet.Margin, codeSize, fingerprint.Code(string(p.s.Box), key)); err != nil {
		return err
	}
	y := p.Y
	write := func(size float64, style string, c sheet.Colour, text string) {
		y += p.Write(sheet.Margin, y, w, size, style, c, text)
	}
	write(16, "B", sheet.Black, "Giấy xác nhận của đêm "+day(p.s.Night))
	write(sheet.Body, "", sheet.Grey, "Proof of the night of "+day(p.s.Night))
	y += 2
	write(sheet.Body, "", sheet.Black, fmt.Sprintf("Thiết bị %s, tỉnh %s, chuỗi bản ghi %s", p.s.Box, p.s.Province, p.s.Chain))
	write(sheet.Small, "", sheet.Grey, "Box, province, chain of records. The code names the box and its key.")
	y++
	write(sheet.Body, "", sheet.Black, fmt.Sprintf("Khung giờ phải đóng cửa: từ %s đến %s (giờ Việt Nam)", moment(p.s.From), moment(p.s.To)))
	write(sheet.Small, "", sheet.Grey, fmt.Sprintf("Hours to be closed: %s, Viet Nam time", p.s.Hours))
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
		p.say(sheet.Body, "", sheet.Black, fmt.Sprintf("Thiết bị quan sát được cả %d phút của khung giờ.", total),
			fmt.Sprintf("The box saw all %d minutes.", total))
	case ledger.Partly:
		p.say(13, "B", sheet.Amber, fmt.Sprintf("Không thấy máy nào được sử dụng trong %d phút quan sát được.", m.Seen),
			fmt.Sprintf("No station was in use in the %d minutes that were seen.", m.Seen))
		if n := total - m.Seen; n > 0 {
			p.say(sheet.Body, "", sheet.Black,
				fmt.Sprintf("%d phút còn lại của khung giờ không quan sát được, nên không kết luận được gì về những phút đó.", n),
				fmt.Sprintf("The other %d minutes were not seen; nothing is claimed of them.", n))
		}
	default:
		p.say(13, "B", sheet.Black, fmt.Sprintf("Có dấu hiệu máy được sử dụng, từ %s đến %s.", clock(p.s.First), clock(p.s.Last)),
			fmt.Sprintf("Stations appear to have been in use between %s and %s.", clock(p.s.First), clock(p.s.Last)))
		p.say(sheet.Body, "", sheet.Black,
			fmt.Sprintf("Nhiều nhất %d máy cùng lúc, tổng cộng %d phút máy. Không quan sát được %d phút.", p.s.Peak, p.s.InUse, total-m.Seen),
			fmt.Sprintf("At most at once: %d; station-minutes: %d; minutes that were not seen: %d.", p.s.Peak, p.s.InUse, total-m.Seen))
	}
	p.Y += 2
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
		p.hour(x, at)
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

// hour writes an hour below the strip: in the middle of x, and not over the page's edges.
func (p *page) hour(x float64, at time.Time) {
	text := at.In(hours.Zone).Format("15:04")
	p.SetFont("sans", "", 6.5)
	w := p.GetStringWidth(text)
	x = min(max(x-w/2, sheet.Margin), sheet.PageWidth-sheet.Margin-w)
	p.Write(x, p.Y+0.5, w+1, 6.5, "", sheet.Grey, text)
}

func (p *page) figures() {
	m := &p.s.Minutes
	p.Rule()
	p.Y++
	p.row("Số phút", "Minutes",
		fmt.Sprintf("quan sát được %d, thiết bị tắt %d, không quan sát được %d, mất bản ghi %d, chưa rõ %d", m.Seen, m.Off, m.Blind, m.Lost, m.Unknown),
		fmt.Sprintf("seen %d, off %d, not seen %d, records lost %d, unknown %d", m.Seen, m.Off, m.Blind, m.Lost, m.Unknown))
	if m.Hiding > 0 {
		p.row("Máy bị che khuất", "Hidden stations", fmt.Sprintf("trong %d phút có máy không quan sát được, dù các máy khác quan sát được", m.Hiding),
			fmt.Sprintf("in %d minutes some stations could not be seen while others were", m.Hiding))
	}
	if m.Unsure > 0 {
		p.row("Đồng hồ", "Clock", fmt.Sprintf("giờ chưa chắc chắn trong %d phút", m.Unsure), fmt.Sprintf("times are not certain in %d minutes", m.Unsure))
		return
	}
	if m.Seen > 0 {
		p.row("Đồng hồ", "Clock", "khớp với máy chủ giờ trong mọi phút quan sát được", "in step with a time server in all minutes that were seen")
	}
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
		parts = append(parts, hour(x.From)+"–"+hour(x.To)+why)
	}
	p.row(vi, en, strings.Join(parts, "; ")+more(len(list)), "")
}

// told says what the box told the province of the night, and what was announced.
func (p *page) told() {
	if len(p.s.Alerts) == 0 {
		p.row("Đã báo cho tỉnh", "Told to the province", "không có gì về đêm này", "nothing of this night")
	}
	for _, a := range p.s.Alerts[:min(len(p.s.Alerts), maxTold)] {
		p.row("Đã báo cho tỉnh", "Told to the province",
			fmt.Sprintf("%s (bản ghi %d): nhiều nhất %d máy, %d phút máy; ý kiến của chủ điểm: %d",
				cmp.Or(stages[a.Stage], a.Stage), a.Seq, a.Peak, a.Minutes, a.Disputes),
			fmt.Sprintf("%s (record %d): stations at once: %d; station-minutes: %d; the owner's objections: %d", a.Stage, a.Seq, a.Peak, a.Minutes, a.Disputes))
	}
	if n := len(p.s.Alerts) - maxTold; n > 0 {
		p.row("", "", fmt.Sprintf("và %d bản ghi nữa", n), fmt.Sprintf("and %d records more", n))
	}
	list := p.s.Maintenance[:min(len(p.s.Maintenance), maxListed)]
	if len(list) == 0 {
		return
	}
	var parts []string
	for _, m := range list {
		parts = append(parts, fmt.Sprintf("%s–%s (%s)", clock(m.From), clock(m.To), cmp.Or(by[m.By], m.By)))
	}
	p.row("Bảo trì đã báo", "Announced maintenance", strings.Join(parts, "; ")+more(len(p.s.Maintenance)), "")
}

// held says which records are inside, and who has signed them.
func (p *page) held() {
	r := &p.s.Records
	vi, en := "tỉnh chưa xác nhận bản ghi nào trong số đó", "none of them is receipted by the province yet"
	if r.Receipted > 0 {
		vi, en = fmt.Sprintf("tỉnh đã xác nhận nhận được đến bản ghi %d", r.Receipted), fmt.Sprintf("receipted by the province up to %d", r.Receipted)
	}
	p.row("Bản ghi kèm theo", "Records inside", fmt.Sprintf("từ %d đến %d, thiết bị đã ký; %s", r.First, r.Last, vi),
		fmt.Sprintf("%d to %d, signed by the box; %s", r.First, r.Last, en))
}

// more says how many of n are not listed.
func more(n int) string {
	if n <= maxListed {
		return ""
	}
	return fmt.Sprintf("; và %d khoảng nữa", n-maxListed)
}

// footHeight is what the foot takes, in millimetres.
const footHeight = 38

func (p *page) foot(key ed25519.PublicKey) {
	p.Y = max(p.Y+2, sheet.PageHeight-sheet.Margin-footHeight)
	p.say(10, "B", sheet.Black, "Thông tin phục vụ kiểm tra, không phải kết luận vi phạm.", "Information for inspection, not a finding of an offence.")
	p.say(sheet.Body, "", sheet.Black,
		"Thiết bị ký lúc "+moment(p.s.AsOf)+". Kiểm tra không cần mạng: cafeprobe verify TỆP. Tệp bị đổi dù một byte là kiểm tra không đạt.",
		"Signed by the box. To verify without any network: cafeprobe verify FILE. With a single octet changed it does not pass.")
	p.say(sheet.Small, "", sheet.Black, "Khóa của thiết bị: "+b64.EncodeToString(key)+" · vân tay: "+fingerprint.Of(key),
		"The box's key and its fingerprint, to be compared with the registry.")
}

func hour(t uplink.Time) string { return t.Time().In(hours.Zone).Format("15:04") }

func clock(t uplink.Time) string { return t.Time().In(hours.Zone).Format("15:04 02/01") }

func moment(t uplink.Time) string { return t.Time().In(hours.Zone).Format("15:04 02/01/2006") }

func day(night string) string {
	d, err := hours.ParseDate(night)
	if err != nil {
		return night
	}
	return d.Start().In(hours.Zone).Format("02/01/2006")
}
