// Package label draws the label that goes onto a box: who it is, as text and as a QR code that a telephone reads when the box is to be
// replaced, and what its owner needs to open the box's page.
package label

import (
	"fmt"
	"io"
	"time"

	"cafeprobe/firmware/sheet"
)

// Size of a label, in millimetres: a common size of label printers (62 × 29).
const (
	Width, Height = 62.0, 29.0
	margin        = 2.5
	square        = 24.0 // of the QR code, with its quiet zone inside the margin
)

// Label is what a label says. What is empty is left out.
type Label struct {
	Box     string
	QR      string // text of the QR code
	Code    string // for the owner's eyes
	Address string // https://…
	Page    string // syllables of the page's certificate
}

// Write writes a label of one page as PDF. It is the same for the same l and time.
func Write(w io.Writer, l Label, at time.Time) error {
	f := sheet.NewOf(Width, Height, "Nhãn "+l.Box, "vi", at)
	if err := f.Code(margin, margin, square, l.QR); err != nil {
		return fmt.Errorf("label of %s: %w", l.Box, err)
	}
	texts(f, l)
	if err := f.Output(w); err != nil {
		return fmt.Errorf("label of %s: %w", l.Box, err)
	}
	return nil
}

// texts writes the column beside the code.
func texts(f *sheet.Sheet, l Label) {
	const x = margin + square + 2
	const width = Width - x - margin
	y := margin
	line := func(style string, size float64, text string) {
		if text == "" {
			return
		}
		f.SetFont("sans", style, size)
		if w := f.GetStringWidth(text); w > width { // a long IPv6 address
			f.SetFont("sans", style, size*width/w)
		}
		f.SetXY(x, y)
		f.CellFormat(width, size*0.42, text, "", 0, "LM", false, 0, "")
		y += size * 0.42
	}
	line("B", 9.5, l.Box)
	if l.Address == "" && l.Page == "" {
		return // there is no page to which a code leads
	}
	y += 0.6
	line("", 4.6, "Trang của chủ điểm · owner's page")
	line("B", 6.4, l.Address)
	y += 0.5
	line("", 4.6, "Mã đặt PIN · code to set a PIN")
	line("B", 9.5, l.Code)
	y += 0.5
	line("", 4.6, "Vân tay trang · page's fingerprint")
	f.SetFont("sans", "", 5.2)
	for _, part := range f.SplitText(l.Page, width) {
		line("", 5.2, part)
	}
}
