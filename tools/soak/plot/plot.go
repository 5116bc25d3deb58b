// Package plot draws what a long test measured over its time: a panel a quantity, all over the same axis, as SVG, which
// Chromium makes a PNG of. The same figures go into a CSV beside it.
package plot

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"html"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Plot is what is to be drawn.
type Plot struct {
	Title string
	Axis  string // of Panels' times: "days"
	Times []float64
	Rows  []Panel
}

// Panel is one quantity. Values has one for each of Plot.Times.
type Panel struct {
	Name, Unit string
	Values     []float64
	Limit      float64   // a line at what must not be passed; 0: none
	Wanted     []float64 // what Values should be, one for each; nil: not known
}

// Sizes, in CSS pixels.
const (
	width, margin      = 900, 60
	header, panel, gap = 40, 170, 45
)

// chromiumLimit is for how long a picture may take.
const chromiumLimit = time.Minute

// Write writes NAME.csv, NAME.svg and NAME.png into dir, which is made where it is absent. Without Chromium there is no
// PNG, and the error says so.
func (p *Plot) Write(ctx context.Context, dir, name string) error {
	for _, r := range p.Rows {
		if len(r.Values) != len(p.Times) || len(p.Times) < 2 || r.Wanted != nil && len(r.Wanted) != len(p.Times) {
			return fmt.Errorf("plot %s: %d values of %s at %d times, want as many, and two or more", name, len(r.Values), r.Name, len(p.Times))
		}
	}
	path := filepath.Join(dir, name)
	err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(path+".svg", []byte(p.svg()), 0o644))
	if err == nil {
		err = p.csv(path + ".csv")
	}
	if err == nil {
		err = picture(ctx, path, p.height())
	}
	if err != nil {
		return fmt.Errorf("plot %s: %w", path, err)
	}
	return nil
}

func (p *Plot) csv(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	head := []string{p.Axis}
	for _, r := range p.Rows {
		head = append(head, r.Name+" ("+r.Unit+")")
	}
	rows := [][]string{head}
	for i, t := range p.Times {
		row := []string{number(t)}
		for _, r := range p.Rows {
			row = append(row, number(r.Values[i]))
		}
		rows = append(rows, row)
	}
	return errors.Join(w.WriteAll(rows), f.Close())
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func (p *Plot) height() int { return header + len(p.Rows)*(panel+gap) }

// svg draws: each panel from 0 to above its largest value, so that what is flat looks flat.
func (p *Plot) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="DejaVu Sans, sans-serif" font-size="13">`+"\n",
		width, p.height())
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="%d" y="24" font-size="16">%s</text>`+"\n",
		margin, html.EscapeString(p.Title))
	for i, r := range p.Rows {
		p.draw(&b, r, header+i*(panel+gap)+20)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// draw draws a panel whose upper edge is at y.
func (p *Plot) draw(b *strings.Builder, r Panel, y int) {
	top := r.Limit
	for _, v := range append(slices.Clone(r.Values), r.Wanted...) {
		top = max(top, v)
	}
	step := tick(top)
	top = step * math.Ceil(max(top, step)/step)
	first, last := p.Times[0], p.Times[len(p.Times)-1]
	at := func(v float64) float64 { return float64(y) + panel*(1-v/top) }
	over := func(t float64) float64 { return margin + (width-2*margin)*(t-first)/(last-first) }
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s, %s</text>`+"\n", margin, y-6, html.EscapeString(r.Name), html.EscapeString(r.Unit))
	for v := 0.0; v <= top*1.001; v += step {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			margin, at(v), width-margin, margin-6, at(v)+4, number(v))
	}
	every := tick(last - first)
	for t := every * math.Ceil(first/every); t <= last; t += every {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", over(t), y+panel+16, number(t))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", width-5, y+panel+16, html.EscapeString(p.Axis))
	if r.Limit > 0 {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#c00" stroke-dasharray="6 4"/>`+"\n", margin, at(r.Limit), width-margin)
	}
	line := func(values []float64, style string) {
		fmt.Fprintf(b, `<polyline fill="none" %s points="`, style)
		for i, v := range values {
			fmt.Fprintf(b, "%.1f,%.1f ", over(p.Times[i]), at(v))
		}
		b.WriteString("\"/>\n")
	}
	if r.Wanted != nil {
		line(r.Wanted, `stroke="#999" stroke-dasharray="6 4"`)
	}
	line(r.Values, `stroke="#06c" stroke-width="1.5"`)
}

// tick returns a round step of which about five reach to top.
func tick(top float64) float64 {
	if top <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(top/5)))
	for _, n := range []float64{1, 2, 5} {
		if top/(n*power) <= 6 {
			return n * power
		}
	}
	return 10 * power
}

// picture has path.svg made path.png by Chromium, which reads the file and asks nobody anything.
func picture(ctx context.Context, path string, height int) error {
	program, err := exec.LookPath("chromium")
	if err != nil {
		return fmt.Errorf("%w: make packages-test installs it", err)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	profile, err := os.MkdirTemp("", "cafeprobe-plot-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	ctx, stop := context.WithTimeout(ctx, chromiumLimit)
	defer stop()
	out, err := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--user-data-dir="+profile, fmt.Sprintf("--window-size=%d,%d", width, height), "--screenshot="+path+".png",
		"file://"+path+".svg").CombinedOutput()
	if err == nil {
		_, err = os.Stat(path + ".png")
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %.500s", program, err, out)
	}
	return nil
}
