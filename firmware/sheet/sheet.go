// Package sheet writes pages of paper as PDF (ISO 32000): text in columns, with the letters of Vietnamese, rules and QR codes.
// What is written is the same for the same text and time.
package sheet

import (
	"bytes"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/dejavu/dejavusansbold"
	"github.com/go-pdf/fpdf"
	"rsc.io/qr"
)

// Sizes of the page, in millimetres, of ISO 216 A4; of letters in points.
const (
	PageWidth, PageHeight = 210.0, 297.0
	Margin                = 16.0
	Width                 = PageWidth - 2*Margin
	Body                  = 9.0
	Small                 = 7.5
)

// Colour is red, green and blue, of 255.
type Colour [3]int

// The colours of text and rules, and of what is well, doubtful and bad.
var (
	Black = Colour{30, 30, 30}
	Grey  = Colour{105, 105, 105}
	Line  = Colour{205, 205, 205}
	White = Colour{255, 255, 255}
	Green = Colour{24, 120, 60}
	Amber = Colour{176, 104, 0}
	Red   = Colour{178, 34, 34}
)

// Sheet is a page that is being written, down to Y.
type Sheet struct {
	*fpdf.Fpdf
	Y float64
}

// New returns an empty page of a document with a title, in the language of an RFC 5646 tag, that was made at a time.
func New(title, lang string, at time.Time) *Sheet {
	s := NewOf(PageWidth, PageHeight, title, lang, at)
	s.Y = Margin
	s.SetMargins(Margin, Margin, Margin)
	return s
}

// NewOf is New of a page of another size, in millimetres, without margins.
func NewOf(width, height float64, title, lang string, at time.Time) *Sheet {
	s := &Sheet{Fpdf: fpdf.NewCustom(&fpdf.InitType{OrientationStr: "P", UnitStr: "mm", Size: fpdf.SizeType{Wd: width, Ht: height}})}
	s.SetCatalogSort(true)
	s.SetCreationDate(at.UTC())
	s.SetModificationDate(at.UTC())
	s.SetTitle(title, true)
	s.SetLang(lang)
	s.SetAutoPageBreak(false, 0)
	s.SetMargins(0, 0, 0)
	s.SetCellMargin(0)
	s.AddUTF8FontFromBytes("sans", "", bytes.Clone(dejavusans.TTF))
	s.AddUTF8FontFromBytes("sans", "B", bytes.Clone(dejavusansbold.TTF))
	s.AddPage()
	return s
}

// Write writes text into a column, and returns how high it became. Style is empty or B for bold.
func (s *Sheet) Write(x, y, w, size float64, style string, c Colour, text string) (height float64) {
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

// Fill fills a rectangle.
func (s *Sheet) Fill(x, y, w, h float64, c Colour) {
	s.SetFillColor(c[0], c[1], c[2])
	s.Rect(x, y, w, h, "F")
}

// Rule draws a thin line at Y.
func (s *Sheet) Rule() {
	s.SetDrawColor(Line[0], Line[1], Line[2])
	s.SetLineWidth(0.2)
	s.Line(Margin, s.Y, PageWidth-Margin, s.Y)
}

// Code draws text as a QR code (ISO/IEC 18004) of a size; the quiet zone of four squares is the paper's.
func (s *Sheet) Code(x, y, size float64, text string) error {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return fmt.Errorf("make the QR code: %w", err)
	}
	unit := size / float64(c.Size)
	for row := range c.Size {
		for col := 0; col < c.Size; col++ {
			from := col
			for col < c.Size && c.Black(col, row) {
				col++
			}
			if col > from {
				s.Fill(x+float64(from)*unit, y+float64(row)*unit, float64(col-from)*unit, unit, Colour{})
			}
		}
	}
	return nil
}

// Capital returns s with a capital in front.
func Capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
