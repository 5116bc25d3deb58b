// Package title says what a name belongs to: which game, launcher, update service or site. What it knows is data, one
// row a domain in titles.tsv; the code only matches. Unknown stays unknown.
//
// The package is hot: a lookup does not allocate.
package title

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ID is a title's place in its Table. The zero ID is none: what no row matches is unknown.
type ID uint16

// Title is something that people use over the network.
type Title struct {
	Name  string // lower case with hyphens
	Class Class
}

// Class is the kind of thing a title is.
type Class string

// The classes. A platform is a shop or launcher: it runs beside a game and without one.
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

//go:embed titles.tsv
var builtin string

// Table matches names to titles. Use Builtin or Parse. A Table is read-only, so it may be shared.
type Table struct {
	titles  []Title       // by ID; titles[0] is the zero Title
	domains map[string]ID // lower-case domain → title
}

// Builtin returns the table that the program was built with.
func Builtin() *Table {
	t, err := Parse(builtin)
	if err != nil {
		panic("BUG: titles.tsv: " + err.Error()) // a test parses it
	}
	return t
}

// The bounds on a table, which may one day come over the wire as an update.
const (
	maxTitles  = 4096
	maxDomains = 1 << 16
	maxDomain  = 253 // RFC 1035 §2.3.4, without the root's dot
)

// ErrTable is returned by Parse for a text that is no table.
var ErrTable = errors.New("title: not a table")

// Parse reads a table: lines of title, class, domain and source with tabs between; a # begins a comment line. A domain
// matches itself and all names below it; of several the longest wins.
func Parse(text string) (*Table, error) {
	t := &Table{titles: make([]Title, 1), domains: map[string]ID{}}
	ids := map[string]ID{}
	scan := bufio.NewScanner(strings.NewReader(text))
	for n := 1; scan.Scan(); n++ {
		line := scan.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		if err := t.row(ids, line); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrTable, n, err)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	return t, nil
}

func (t *Table) row(ids map[string]ID, line string) error {
	col := strings.Split(line, "\t")
	if len(col) != 4 {
		return fmt.Errorf("%d columns, want title, class, domain, source", len(col))
	}
	name, class, domain, source := col[0], Class(col[1]), col[2], col[3]
	switch {
	case !isTitle(name):
		return fmt.Errorf("title %q: want lower case letters, digits and hyphens", name)
	case !slices.Contains(classes, class):
		return fmt.Errorf("class %q is not one of %v", class, classes)
	case !isDomain(domain):
		return fmt.Errorf("domain %q: want lower case labels with dots between", domain)
	case source == "":
		return errors.New("no source")
	case len(t.domains) == maxDomains:
		return fmt.Errorf("more than %d domains", maxDomains)
	}
	if _, ok := t.domains[domain]; ok {
		return fmt.Errorf("domain %s a second time", domain)
	}
	id, ok := ids[name]
	if !ok {
		if len(t.titles) == maxTitles {
			return fmt.Errorf("more than %d titles", maxTitles)
		}
		id = ID(len(t.titles))
		ids[name] = id
		t.titles = append(t.titles, Title{name, class})
	}
	if t.titles[id].Class != class {
		return fmt.Errorf("title %s is a %s above and a %s here", name, t.titles[id].Class, class)
	}
	t.domains[domain] = id
	return nil
}

func isTitle(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func isDomain(s string) bool {
	if len(s) > maxDomain || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isTitle(strings.ReplaceAll(label, "_", "-")) {
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

// Len returns how many titles t has.
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
func (t *Table) Class(name string) Class {
	i := slices.IndexFunc(t.titles, func(have Title) bool { return have.Name == name })
	if i < 0 {
		return ""
	}
	return t.titles[i].Class
}
