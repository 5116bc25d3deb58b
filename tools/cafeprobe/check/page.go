package check

import (
	"fmt"
	"io"
	"strings"
	"time"

	"cafeprobe/firmware/health"
	"cafeprobe/firmware/sheet"
	"cafeprobe/tools/cafeprobe/diag"
	"cafeprobe/tools/cafeprobe/mirror"
	"cafeprobe/tools/lang"
	"cafeprobe/uplink/fingerprint"
)

const (
	codeSize = 34.0 // millimetres
	footAt   = sheet.PageHeight - sheet.Margin - 32
)

var tints = map[health.State]sheet.Colour{
	health.OK: sheet.Green, health.Warn: sheet.Amber, health.Bad: sheet.Red, health.Unknown: sheet.Grey,
}

// page is the report as it is being written.
type page struct{ *sheet.Sheet }

// WritePage writes a report of one page in Vietnamese, as PDF. It is the same for the same r, café and time.
func WritePage(w io.Writer, r *Result, cafe string, at time.Time) error {
	s, err := compose(r, cafe, at)
	if err != nil {
		return err
	}
	s.foot()
	if err := s.Output(w); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// compose writes all of the page but its foot.
func compose(r *Result, cafe string, at time.Time) (*page, error) {
	s := &page{sheet.New("Biên bản kiểm tra lắp đặt "+r.Box, "vi", at)}
	if err := s.head(r, short(diag.Plain(cafe)), at); err != nil {
		return nil, err
	}
	s.verdict(r)
	for i := range r.Points {
		s.point(&r.Points[i])
	}
	s.makers(r)
	return s, nil
}

// maxName bounds a café's name on the page, in letters: two lines.
const maxName = 90

func short(s string) string {
	if r := []rune(s); len(r) > maxName {
		return string(r[:maxName]) + "…"
	}
	return s
}

// head writes whose box it is.
func (s *page) head(r *Result, cafe string, at time.Time) error {
	w := sheet.Width - codeSize - 6
	s.Y += s.Write(sheet.Margin, s.Y, w, 17, "B", sheet.Black, "Biên bản kiểm tra lắp đặt")
	s.Y += 1 + s.Write(sheet.Margin, s.Y+1, w, 12, "", sheet.Black, strings.TrimSpace(orNone(cafe, "(chưa ghi tên quán)"))) + 2
	count := fmt.Sprint(r.Declared)
	if r.Declared == 0 {
		count = "chưa hỏi"
	}
	found := "chưa đếm được"
	if r.Seen != nil {
		found = fmt.Sprint(r.Seen.PCs)
	}
	for _, f := range [][2]string{
		{"Thiết bị", orNone(r.Box, "chưa có tên")},
		{"Vân tay khóa", orNone(r.Fingerprint, "chưa có khóa")},
		{"Bo mạch", orNone(r.Board, "chưa rõ")},
		{"Bản phần mềm", orNone(r.Release, "chưa rõ")},
		{"Thời điểm", at.Format("15:04, 02/01/2006 (-07:00)")},
		{"Số máy", "tìm thấy " + found + ", chủ quán cho biết " + count},
	} {
		s.Write(sheet.Margin, s.Y, 34, sheet.Body, "", sheet.Grey, f[0])
		s.Y += s.Write(sheet.Margin+34, s.Y, w-34, sheet.Body, "", sheet.Black, f[1]) + 0.9
	}
	if r.Box != "" && len(r.Key) > 0 {
		if err := s.code(r); err != nil {
			return err
		}
	}
	s.Y = max(s.Y, sheet.Margin+codeSize+7) + 2
	return nil
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// code draws the QR code of the box.
func (s *page) code(r *Result) error {
	const left = sheet.PageWidth - sheet.Margin - codeSize
	s.Write(left, sheet.Margin+codeSize+1.5, codeSize, sheet.Small, "", sheet.Grey, r.Box+" và khóa")
	return s.Code(left, sheet.Margin, codeSize, fingerprint.Code(r.Box, r.Key))
}

// verdict writes the state of all.
func (s *page) verdict(r *Result) {
	s.Fill(sheet.Margin, s.Y, sheet.Width, 9, tints[r.State])
	s.Write(sheet.Margin+4, s.Y+2, sheet.Width-8, 11, "B", sheet.White, summaries[r.State].VI)
	s.Y += 9 + 2.5
}

// Columns of the table: where they begin.
const (
	stateAt = sheet.Margin + 1.5
	titleAt = sheet.Margin + 21
	textAt  = sheet.Margin + 57
)

func (s *page) point(p *Point) {
	w := sheet.PageWidth - sheet.Margin - textAt
	s.Write(stateAt, s.Y, titleAt-stateAt, sheet.Body, "B", tints[p.State], sheet.Capital(words[p.State].VI))
	s.Write(titleAt, s.Y, textAt-titleAt, sheet.Body, "", sheet.Black, sheet.Capital(p.Name.Title(lang.VI)))
	h := s.Write(textAt, s.Y, w, sheet.Body, "", sheet.Black, sheet.Capital(p.Text.VI))
	if p.More.VI != "" {
		h += s.Write(textAt, s.Y+h, w, sheet.Small, "", sheet.Grey, p.More.VI)
	}
	switch {
	case p.By != "" && p.State != health.OK:
		h += s.Write(textAt, s.Y+h, w, sheet.Small, "", sheet.Grey, sheet.Capital(because.In(lang.VI, p.By.Title(lang.VI))))
	case p.Do.VI != "":
		h += s.Write(textAt, s.Y+h, w, sheet.Small, "", sheet.Black, sheet.Capital(todo.In(lang.VI, p.Do.VI)))
	}
	s.Y += h + 1.4
	s.Rule()
	s.Y += 1.4
}

// makers writes where a mirror is set, if that is what is to be done.
func (s *page) makers(r *Result) {
	for i := range r.Points {
		if !r.Points[i].mirrored() {
			continue
		}
		s.Y += 1 + s.Write(sheet.Margin, s.Y+1, sheet.Width, sheet.Small, "B", sheet.Black, "Đặt sao chép cổng ("+mirror.Legend.VI+")") + 1
		for _, m := range mirror.Makers {
			s.Write(sheet.Margin, s.Y, 24, sheet.Small, "", sheet.Grey, m.Maker)
			s.Y += s.Write(sheet.Margin+24, s.Y, sheet.Width-24, sheet.Small, "", sheet.Black, m.Do.VI) + 0.8
		}
	}
}

// foot writes what the box does, and leaves room for two names.
func (s *page) foot() {
	const top = footAt
	s.Write(sheet.Margin, top, sheet.Width, sheet.Small, "", sheet.Grey, "Thiết bị chỉ nghe, không gửi gì vào mạng của quán; rút ra không ảnh hưởng đến máy của khách. "+
		"Mã QR gồm tên thiết bị và SHA-256 của khóa công khai, dùng khi đối chiếu hoặc thay thiết bị.")
	s.Write(sheet.Margin, top+10, sheet.Width/2, sheet.Body, "", sheet.Black, "Kỹ thuật viên (ký, ghi rõ họ tên)")
	s.Write(sheet.Margin+sheet.Width/2, top+10, sheet.Width/2, sheet.Body, "", sheet.Black, "Chủ quán (ký, ghi rõ họ tên)")
}
