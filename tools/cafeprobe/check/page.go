package check

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cafeprobe/firmware/health"
	"cafeprobe/tools/cafeprobe/diag"
	"cafeprobe/tools/cafeprobe/mirror"
	"cafeprobe/tools/lang"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/dejavu/dejavusansbold"
	"github.com/go-pdf/fpdf"
	"rsc.io/qr"
)

// Code returns the text of a box's QR code: what it is of, its id, and the SHA-256 of its public key, hexadecimal.
func Code(box string, key []byte) string {
	sum := sha256.Sum256(key)
	return "cafeprobe 1 " + box + " " + hex.EncodeToString(sum[:])
}

// Sizes of the page, in millimetres, of ISO 216 A4; of letters in points.
const (
	pageWidth, pageHeight = 210.0, 297.0
	margin                = 16.0
	width                 = pageWidth - 2*margin
	codeSize              = 34.0
	body                  = 9.0
	small                 = 7.5
	footAt                = pageHeight - margin - 32
)

// colour is red, green and blue, of 255.
type colour [3]int

var (
	black = colour{30, 30, 30}
	grey  = colour{105, 105, 105}
	line  = colour{205, 205, 205}
	tints = map[health.State]colour{
		health.OK: {24, 120, 60}, health.Warn: {176, 104, 0}, health.Bad: {178, 34, 34}, health.Unknown: grey,
	}
)

// sheet is a page that is being written.
type sheet struct {
	*fpdf.Fpdf
	y float64
}

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
func compose(r *Result, cafe string, at time.Time) (*sheet, error) {
	s := &sheet{Fpdf: fpdf.New("P", "mm", "A4", ""), y: margin}
	s.SetCatalogSort(true)
	s.SetCreationDate(at.UTC())
	s.SetModificationDate(at.UTC())
	s.SetTitle("Biên bản kiểm tra lắp đặt "+r.Box, true)
	s.SetLang("vi")
	s.SetAutoPageBreak(false, 0)
	s.SetMargins(margin, margin, margin)
	s.SetCellMargin(0)
	s.AddUTF8FontFromBytes("sans", "", bytes.Clone(dejavusans.TTF))
	s.AddUTF8FontFromBytes("sans", "B", bytes.Clone(dejavusansbold.TTF))
	s.AddPage()
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

// write writes text into a column, and returns how high it became.
func (s *sheet) write(x, y, w, size float64, style string, c colour, text string) (height float64) {
	s.SetFont("sans", style, size)
	s.SetTextColor(c[0], c[1], c[2])
	step := size * 0.47
	for i, l := range s.SplitText(text, w) {
		s.SetXY(x, y+float64(i)*step)
		s.CellFormat(w, step, l, "", 0, "LM", false, 0, "")
		height += step
	}
	return height
}

// rule draws a thin line at the place where it is.
func (s *sheet) rule() {
	s.SetDrawColor(line[0], line[1], line[2])
	s.SetLineWidth(0.2)
	s.Line(margin, s.y, pageWidth-margin, s.y)
}

// head writes whose box it is.
func (s *sheet) head(r *Result, cafe string, at time.Time) error {
	w := width - codeSize - 6
	s.y += s.write(margin, s.y, w, 17, "B", black, "Biên bản kiểm tra lắp đặt")
	s.y += 1 + s.write(margin, s.y+1, w, 12, "", black, strings.TrimSpace(orNone(cafe, "(chưa ghi tên quán)"))) + 2
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
		s.write(margin, s.y, 34, body, "", grey, f[0])
		s.y += s.write(margin+34, s.y, w-34, body, "", black, f[1]) + 0.9
	}
	if r.Box != "" && len(r.Key) > 0 {
		if err := s.code(r); err != nil {
			return err
		}
	}
	s.y = max(s.y, margin+codeSize+7) + 2
	return nil
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// code draws the QR code (ISO/IEC 18004) as squares; the quiet zone of four of them is the paper's.
func (s *sheet) code(r *Result) error {
	c, err := qr.Encode(Code(r.Box, r.Key), qr.M)
	if err != nil {
		return fmt.Errorf("make the QR code: %w", err)
	}
	unit := codeSize / float64(c.Size)
	left := pageWidth - margin - codeSize
	s.SetFillColor(0, 0, 0)
	for y := range c.Size {
		for x := 0; x < c.Size; x++ {
			from := x
			for x < c.Size && c.Black(x, y) {
				x++
			}
			if x > from {
				s.Rect(left+float64(from)*unit, margin+float64(y)*unit, float64(x-from)*unit, unit, "F")
			}
		}
	}
	s.write(left, margin+codeSize+1.5, codeSize, small, "", grey, r.Box+" và khóa")
	return nil
}

// verdict writes the state of all.
func (s *sheet) verdict(r *Result) {
	t := tints[r.State]
	s.SetFillColor(t[0], t[1], t[2])
	s.Rect(margin, s.y, width, 9, "F")
	s.write(margin+4, s.y+2, width-8, 11, "B", colour{255, 255, 255}, summaries[r.State].VI)
	s.y += 9 + 2.5
}

// Columns of the table: where they begin.
const (
	stateAt = margin + 1.5
	titleAt = margin + 21
	textAt  = margin + 57
)

func (s *sheet) point(p *Point) {
	w := pageWidth - margin - textAt
	s.write(stateAt, s.y, titleAt-stateAt, body, "B", tints[p.State], capital(words[p.State].VI))
	s.write(titleAt, s.y, textAt-titleAt, body, "", black, capital(p.Name.Title(lang.VI)))
	h := s.write(textAt, s.y, w, body, "", black, capital(p.Text.VI))
	if p.More.VI != "" {
		h += s.write(textAt, s.y+h, w, small, "", grey, p.More.VI)
	}
	switch {
	case p.By != "" && p.State != health.OK:
		h += s.write(textAt, s.y+h, w, small, "", grey, capital(because.In(lang.VI, p.By.Title(lang.VI))))
	case p.Do.VI != "":
		h += s.write(textAt, s.y+h, w, small, "", black, capital(todo.In(lang.VI, p.Do.VI)))
	}
	s.y += h + 1.4
	s.rule()
	s.y += 1.4
}

// makers writes where a mirror is set, if that is what is to be done.
func (s *sheet) makers(r *Result) {
	for i := range r.Points {
		if !r.Points[i].mirrored() {
			continue
		}
		s.y += 1 + s.write(margin, s.y+1, width, small, "B", black, "Đặt sao chép cổng ("+mirror.Legend.VI+")") + 1
		for _, m := range mirror.Makers {
			s.write(margin, s.y, 24, small, "", grey, m.Maker)
			s.y += s.write(margin+24, s.y, width-24, small, "", black, m.Do.VI) + 0.8
		}
	}
}

// foot writes what the box does, and leaves room for two names.
func (s *sheet) foot() {
	const top = footAt
	s.write(margin, top, width, small, "", grey, "Thiết bị chỉ nghe, không gửi gì vào mạng của quán; rút ra không ảnh hưởng đến máy của khách. "+
		"Mã QR gồm tên thiết bị và SHA-256 của khóa công khai, dùng khi đối chiếu hoặc thay thiết bị.")
	s.write(margin, top+10, width/2, body, "", black, "Kỹ thuật viên (ký, ghi rõ họ tên)")
	s.write(margin+width/2, top+10, width/2, body, "", black, "Chủ quán (ký, ghi rõ họ tên)")
}

// capital returns s with a capital in front.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
