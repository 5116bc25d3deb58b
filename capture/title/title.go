// Package title says what a flow belongs to: which game, launcher, update service or site. It is known by a name that was
// said in the flow, or by the shape of its first payloads. What is known is data, one row a domain or shape in titles.tsv;
// the code only matches. Unknown stays unknown.
//
// The package is hot: a look-up does not allocate.
package title

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ID is what rows that say the same have in common: a Title of a Table. The zero ID is none: what no row matches is
// unknown. IDs are of one table, and another table gives others.
type ID uint16

// Title is something that people use over the network, as a row saw it. A game that is seen both by its launcher's name and
// by its own flow has an ID for each.
type Title struct {
	Name  string // lower case with hyphens
	Class Class
	Use   Use
	Sure  Sure
	Of    string // the broader title that the flow is of as well: the game's engine or publisher; "" for none
}

// Class is the kind of thing a title is. All rows of a title have one class.
type Class string

// The classes. A platform is a shop, launcher or emulator: it runs beside a game and without one.
const (
	Game     Class = "game"
	Platform Class = "platform"
	Engine   Class = "engine"
	Update   Class = "update"
	Social   Class = "social"
	Video    Class = "video"
	Voice    Class = "voice"
	Remote   Class = "remote"
	File     Class = "file"
	Cloud    Class = "cloud"
	Other    Class = "other"
)

var classes = []Class{Game, Platform, Engine, Update, Social, Video, Voice, Remote, File, Cloud, Other}

// Use says what a flow that a row matches shows of the person before the screen.
type Use string

// The uses. Only Play is playing, and only Play and Person show that somebody is there.
const (
	Play       Use = "play"       // the game's own flow, or a call's: there while it is played or spoken, and else not
	Person     Use = "person"     // asked for by somebody: a site, a video, a chat
	Launcher   Use = "launcher"   // a game's launcher, lobby or account, a messenger: open for hours with nobody there
	Background Use = "background" // asked for by a program by itself: update, telemetry, connectivity check, patch
)

var uses = []Use{Play, Person, Launcher, Background}

// Sure says how far a row's match may be believed.
type Sure string

// The confidence classes, best first.
const (
	Proof  Sure = "proof"  // the protocol's own signature, or the publisher's own domain
	Likely Sure = "likely" // the publisher's addresses and ports, or a short signature on known ports
	Weak   Sure = "weak"   // few octets on a known port: true of what was measured, not known of others
)

var sures = []Sure{Proof, Likely, Weak}

// Version is the number of the built-in table. A signed table takes its place if its number is higher.
const Version = 1

//go:embed titles.tsv
var builtin string

// Table matches names and shapes to titles. Use Builtin or Parse. A Table is read-only, so it may be shared.
type Table struct {
	titles  []Title       // by ID; titles[0] is the zero Title
	domains map[string]ID // lower-case domain → title
	shapes  []shape
	index   [2][256][]uint16 // UDP, TCP → first octet of a payload → indices in shapes
	byName  map[string]about
}

// about is what all rows of one title say.
type about struct {
	class      Class
	background bool // each of them is of a program's own traffic
}

// Builtin returns the table that the program was built with.
func Builtin() *Table {
	t, err := Parse(builtin)
	if err != nil {
		panic("BUG: titles.tsv: " + err.Error()) // a test parses it
	}
	return t
}

// The bounds on a table, which may come over the wire as an update.
const (
	MaxText = 1 << 20 // octets; a table of all domains that it may have is not longer

	maxTitles  = 4096
	maxDomains = 1 << 14
	maxShapes  = 512
	maxName    = 32  // as a record has it
	maxLabel   = 63  // RFC 1035 §2.3.4
	maxDomain  = 253 // RFC 1035 §2.3.4, without the root's dot
)

// ErrTable is returned by Parse for a text that is no table.
var ErrTable = errors.New("title: not a table")

// Parse reads a table: lines of title, class, use, match, confidence and source with tabs between; a # begins a comment
// line. A match without spaces is a domain: it matches itself and all names below it, and of several the longest wins. One
// with spaces is a shape (see the file's head); of several the first wins.
func Parse(text string) (*Table, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%w: %d octets, more than %d", ErrTable, len(text), MaxText)
	}
	p := parser{
		t:   &Table{titles: make([]Title, 1), domains: map[string]ID{}, byName: map[string]about{}},
		ids: map[Title]ID{},
	}
	scan := bufio.NewScanner(strings.NewReader(text))
	for n := 1; scan.Scan(); n++ {
		line := scan.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		if err := p.row(line); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrTable, n, err)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	p.t.order()
	return p.t, nil
}

type parser struct {
	t   *Table
	ids map[Title]ID
}

func (p *parser) row(line string) error {
	col := strings.Split(line, "\t")
	if len(col) != 6 {
		return fmt.Errorf("%d columns, want title, class, use, match, confidence, source", len(col))
	}
	have := Title{Name: col[0], Class: Class(col[1]), Use: Use(col[2]), Sure: Sure(col[4])}
	match, source := col[3], col[5]
	switch {
	case !isTitle(have.Name):
		return fmt.Errorf("title %q: want lower case letters, digits and hyphens", have.Name)
	case !slices.Contains(classes, have.Class):
		return fmt.Errorf("class %q is not one of %v", have.Class, classes)
	case !slices.Contains(uses, have.Use):
		return fmt.Errorf("use %q is not one of %v", have.Use, uses)
	case !slices.Contains(sures, have.Sure):
		return fmt.Errorf("confidence %q is not one of %v", have.Sure, sures)
	case source == "":
		return errors.New("no source")
	}
	if strings.Contains(match, " ") {
		return p.shape(have, match)
	}
	return p.domain(have, match)
}

func (p *parser) domain(have Title, domain string) error {
	switch {
	case !isDomain(domain):
		return fmt.Errorf("domain %q: want lower case labels with dots between", domain)
	case len(p.t.domains) == maxDomains:
		return fmt.Errorf("more than %d domains", maxDomains)
	}
	if _, ok := p.t.domains[domain]; ok {
		return fmt.Errorf("domain %s a second time", domain)
	}
	id, err := p.id(have)
	if err != nil {
		return err
	}
	p.t.domains[domain] = id
	return nil
}

// id returns the ID of have, a new one where no row above said the same.
func (p *parser) id(have Title) (ID, error) {
	id, ok := p.ids[have]
	if ok {
		return id, nil
	}
	if len(p.t.titles) == maxTitles {
		return 0, fmt.Errorf("more than %d titles", maxTitles)
	}
	was, ok := p.t.byName[have.Name]
	if ok && was.class != have.Class {
		return 0, fmt.Errorf("title %s is a %s above and a %s here", have.Name, was.class, have.Class)
	}
	p.t.byName[have.Name] = about{have.Class, have.background() && (!ok || was.background)}
	id = ID(len(p.t.titles))
	p.ids[have] = id
	p.t.titles = append(p.t.titles, have)
	return id, nil
}

func (t *Title) background() bool { return t.Use == Launcher || t.Use == Background }

func isTitle(s string) bool { return len(s) <= maxName && isWord(s) }

func isWord(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func isDomain(s string) bool {
	if len(s) > maxDomain || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) > maxLabel || !isWord(strings.ReplaceAll(label, "_", "-")) {
			return false
		}
	}
	return true
}

// Title returns the title of id, the zero Title for an id that t does not have.
func (t *Table) Title(id ID) Title {
	if int(id) >= len(t.titles) {
		return Title{}
	}
	return t.titles[id]
}

// Background reports whether a flow of id, or a question for a name of id, is a program's own traffic, which nobody at the
// station asked for: Use is Launcher or Background. Of the zero ID it is false: what is unknown may be a person's.
func (t *Table) Background(id ID) bool { return int(id) < len(t.titles) && t.titles[id].background() }

// Len returns how many IDs t has.
func (t *Table) Len() int { return len(t.titles) - 1 }

// Name returns what name belongs to: the row of the longest domain that name is or lies below, in either case, without
// regard to a final dot. It returns zero for a name that no row matches.
func (t *Table) Name(name string) ID {
	name = strings.TrimSuffix(name, ".")
	if len(name) > maxDomain {
		return 0
	}
	var buf [maxDomain]byte
	lower := buf[:copy(buf[:], name)]
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	for {
		if id, ok := t.domains[string(lower)]; ok {
			return id
		}
		dot := slices.Index(lower, '.')
		if dot < 0 {
			return 0
		}
		lower = lower[dot+1:]
	}
}

// Class returns the class of the title called name, empty for none.
func (t *Table) Class(name string) Class { return t.byName[name].class }

// Messenger reports whether a flow of id is a messenger's, which is open for hours with nobody there, and by which people
// write to each other: how much the station sends says if somebody does.
func (t *Table) Messenger(id ID) bool {
	return int(id) < len(t.titles) && t.titles[id].Use == Launcher && (t.titles[id].Class == Social || t.titles[id].Class == Voice)
}

// BackgroundTitle reports whether whatever is known of the title called name is a program's own traffic. Where the ID is at
// hand Background says more: a title of several uses is not background here.
func (t *Table) BackgroundTitle(name string) bool { return t.byName[name].background }
