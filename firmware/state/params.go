package state

import (
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

//go:embed params.tsv
var builtin string

// Params are the numbers of the model. Use Builtin, Parse or Fit. They are read-only, so all stations share one.
type Params struct {
	lines []string // as they were read, comments too
	rows  []row
	table
}

// table is what the rows say, laid out for a minute's work. Views are counted from Broadcasts.
type table struct {
	start       [phases]float64
	step        [phases][phases]float64 // from, to; rows sum to 1
	into        [phases][phases]float64 // to, from
	show        [2][features][maxBuckets][phases]float64
	seen        [2][features]bool // the view has rows for the feature
	silent      [2]silent
	temperature [Full + 1]float64
	ceiling     float64
	robust      float64
	forget      float64
	confident   [confidenceRows]float64
}

// silent is how long a station that is on may be silent, before its own habits are known.
type silent struct {
	of       set     // the phases that it holds for; others have sent 0
	farewell float64 // at most, behind a minute with a farewell
	weight   float64 // silences of its own that count as much as these numbers
	weight1  float64 // likewise minutes, for the first minute of a silence
	more     [maxSilence + 2]float64
	longer   [maxSilence + 2]float64 // how probable it is that a silence lasts so many minutes, given that it lasts one
}

// maxSilence is the longest silence, in minutes, that a station is known by. Windows announces itself every 12 minutes at
// least (MS-BRWS), and DHCP renews in half a lease.
const maxSilence = 20

// row is one line of params.tsv.
type row struct {
	view    View
	feature feature
	bucket  uint8
	of      set
	value   float64
	source  string
	line    int
}

// Bounds on a table, which may come as a file from elsewhere.
const (
	maxText = 1 << 18
	maxRows = 4096
	maxLine = 512
)

const noView View = 255

// The buckets of silence.
const (
	farewellRow = 5 + iota
	weightRow
	weight1Row
	silenceRows
)

var silenceNames = [silenceRows]string{"1", "2", "3-5", "6-12", "13-", "farewell", "weight", "weight-1"}

// silenceFrom holds the first minute of silence of each of those buckets, and the end of the last.
var silenceFrom = [...]int{1, 2, 3, 6, 13, maxSilence + 2}

// The buckets of confidence.
const (
	evenRow = iota
	beliefRow
	pauseRow
	longRow
	endRow
	confidenceRows
)

var confidenceNames = [confidenceRows]string{"even", "belief", "pause", "long", "end"}

// ErrParams is returned by Parse for a text that is not the numbers of a model.
var ErrParams = errors.New("state: not the model's parameters")

// Builtin returns the parameters that the program was built with.
func Builtin() *Params {
	p, err := Parse(builtin)
	if err != nil {
		panic("BUG: params.tsv: " + err.Error()) // a test parses it
	}
	return p
}

// Parse reads parameters: lines of view, feature, bucket, state, value and source with tabs between; a # begins a comment
// line. What is missing, doubled or does not sum to 1 is an error, ErrParams, that names the line.
func Parse(text string) (*Params, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("%w: %d octets, at most %d", ErrParams, len(text), maxText)
	}
	p := new(Params)
	p.lines = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range p.lines {
		n := i + 1
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := parseRow(line)
		if err == nil && len(p.rows) == maxRows {
			err = fmt.Errorf("more than %d rows", maxRows)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrParams, n, err)
		}
		r.line = n
		p.rows = append(p.rows, r)
	}
	if err := p.assemble(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrParams, err)
	}
	return p, nil
}

func parseRow(line string) (r row, err error) {
	if len(line) > maxLine {
		return r, fmt.Errorf("%d octets, at most %d", len(line), maxLine)
	}
	col := strings.Split(line, "\t")
	if len(col) != 6 {
		return r, fmt.Errorf("%d columns, want view, feature, bucket, state, value, source", len(col))
	}
	if r.feature, err = parseFeature(col[1]); err != nil {
		return r, err
	}
	if r.view, err = parseView(r.feature, col[0]); err != nil {
		return r, err
	}
	if r.bucket, err = parseBucket(r.feature, col[2]); err != nil {
		return r, err
	}
	if r.of, err = parseOf(&r, col[3]); err != nil {
		return r, err
	}
	if r.value, err = parseValue(&r, col[4]); err != nil {
		return r, err
	}
	if r.source = col[5]; r.source == "" {
		return r, errors.New("no source")
	}
	return r, nil
}

func parseFeature(word string) (feature, error) {
	for f, name := range featureNames {
		if name == word {
			return feature(f), nil
		}
	}
	return 0, fmt.Errorf("feature %q is not one of %v", word, featureNames)
}

func parseView(f feature, word string) (View, error) {
	from, to := Broadcasts, Full
	switch f {
	case start, dwell, next, robust, forget, confidence:
		if word != "-" {
			return 0, fmt.Errorf("view %q: %s is the same in all, want -", word, featureNames[f])
		}
		return noView, nil
	case temperature:
		from = Blind
	case ceiling:
		to = Broadcasts
	}
	for v := from; v <= to; v++ {
		if viewNames[v] == word {
			return v, nil
		}
	}
	return 0, fmt.Errorf("view %q: %s wants one of %v", word, featureNames[f], viewNames[from:to+1])
}

func parseBucket(f feature, word string) (uint8, error) {
	names := []string{"-"}
	switch {
	case f == silence:
		names = silenceNames[:]
	case f == next:
		names = phaseNames[:]
	case f == confidence:
		names = confidenceNames[:]
	case f < features:
		names = make([]string, buckets(f))
		for b := range names {
			names[b] = bucketName(f, b)
		}
	}
	for b, name := range names {
		if name == word && !(f < features && isSign(f) && b == 0) {
			return uint8(b), nil
		}
	}
	return 0, fmt.Errorf("bucket %q of %s is not one of %v", word, featureNames[f], names)
}

// parseOf reads the states that r is of.
func parseOf(r *row, word string) (set, error) {
	none := r.feature == temperature || r.feature == robust || r.feature == forget || r.feature == confidence
	if none || r.feature == silence && r.bucket >= weightRow {
		if word != "-" {
			return 0, fmt.Errorf("state %q: want -", word)
		}
		return 0, nil
	}
	s, ok := parseSet(word)
	if !ok {
		return 0, fmt.Errorf("state %q: want, once each and with commas between, of %v, ON_IDLE, IN_USE, ON", word, phaseNames)
	}
	_, one := s.one()
	switch {
	case r.feature == ceiling && s != allUse:
		return 0, fmt.Errorf("state %q: the ceiling is of IN_USE", word)
	case (r.feature == start || r.feature == dwell || r.feature == next) && !one:
		return 0, fmt.Errorf("state %q: want one phase", word)
	}
	return s, nil
}

// parseValue reads r's number.
func parseValue(r *row, word string) (float64, error) {
	low, high := r.limits()
	x, err := strconv.ParseFloat(word, 64)
	if err != nil || !(x >= low && x <= high) {
		return 0, fmt.Errorf("value %q of %s: want a number from %g to %g", word, featureNames[r.feature], low, high)
	}
	return x, nil
}

// limits returns the bounds of r's value, which keep the model's arithmetic sound.
func (r *row) limits() (low, high float64) {
	switch {
	case r.feature == dwell:
		return 1, 1e5
	case r.feature == temperature:
		return 0.2, 5
	case r.feature == silence && r.bucket >= weightRow:
		return 0.01, 1000
	case r.feature == confidence:
		return -20, 20
	}
	return 1e-5, 1 - 1e-5
}

// String returns the parameters as Parse reads them, with the comments that they were read with.
func (p *Params) String() string {
	var b strings.Builder
	rows := p.rows
	for i, line := range p.lines {
		if len(rows) > 0 && rows[0].line == i+1 {
			line = rows[0].String()
			rows = rows[1:]
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// String returns r's line.
func (r *row) String() string {
	view, bucket, of := "-", "-", r.of.String()
	if r.view != noView {
		view = viewNames[r.view]
	}
	switch {
	case r.feature == silence:
		bucket = silenceNames[r.bucket]
	case r.feature == next:
		bucket = phaseNames[r.bucket]
	case r.feature == confidence:
		bucket = confidenceNames[r.bucket]
	case r.feature < features:
		bucket = bucketName(r.feature, int(r.bucket))
	}
	value := strconv.FormatFloat(r.value, 'g', -1, 64)
	return strings.Join([]string{view, featureNames[r.feature], bucket, of, value, r.source}, "\t")
}
