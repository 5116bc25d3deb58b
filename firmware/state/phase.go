package state

import "strings"

// A state is made of phases, so that a minute without a sign of a person can belong to use: a lobby, a page that is read.
// Each phase has a dwell time of its own; that of a state is then no longer geometric, as real ones are not.
//
// Twins show the same and share their numbers: nothing on the wire says if somebody sits in front of a lobby or a page.
// How long it lasts, and what comes before and after, tells them apart.
type phase uint8

const (
	off     phase = iota
	booting       // firmware, boot loader and system start
	quiet         // idle: desktop, login or lock screen; beacons and telemetry
	open          // idle: a launcher, a chat or a game's lobby left open, with its trickle
	busy          // idle: updates, maintenance, a disk image
	play          // use: a game, by its real-time flow
	browse        // use: sites, video
	chat          // use: somebody writes to others, and does nothing else
	lobby         // use: a lobby, a loading screen; a twin of open
	read          // use: a page or a film that is there already; a twin of quiet
	phases
)

var phaseNames = [phases]string{
	"OFF", "BOOTING", "ON_IDLE.quiet", "ON_IDLE.open", "ON_IDLE.busy", "IN_USE.play", "IN_USE.browse",
	"IN_USE.chat", "IN_USE.lobby", "IN_USE.read",
}

var stateOf = [phases]State{Off, Booting, Idle, Idle, Idle, Use, Use, Use, Use, Use}

// set is a set of phases.
type set uint16

const (
	allIdle = set(1<<quiet | 1<<open | 1<<busy)
	allUse  = set(1<<play | 1<<browse | 1<<chat | 1<<lobby | 1<<read)
	all     = set(1<<phases - 1)
)

func (s set) has(p phase) bool { return s>>p&1 != 0 }

// one returns the only phase of s.
func (s set) one() (p phase, ok bool) {
	for p = range phases {
		if s == 1<<p {
			return p, true
		}
	}
	return 0, false
}

// groups are the words for several phases. ON is all that a running system does once it has started.
var groups = []struct {
	name string
	set  set
}{{"ON", allIdle | allUse}, {"ON_IDLE", allIdle}, {"IN_USE", allUse}}

// parseSet reads phases and groups with commas between. It returns ok false for a word that is none, and for a phase that
// comes twice.
func parseSet(text string) (s set, ok bool) {
	for word := range strings.SplitSeq(text, ",") {
		w := setOf(word)
		if w == 0 || s&w != 0 {
			return 0, false
		}
		s |= w
	}
	return s, true
}

func setOf(word string) set {
	for _, g := range groups {
		if g.name == word {
			return g.set
		}
	}
	for p, name := range phaseNames {
		if name == word {
			return 1 << p
		}
	}
	return 0
}

// String returns s as parseSet reads it, with groups where they are whole; - for none.
func (s set) String() string {
	if s == 0 {
		return "-"
	}
	var words []string
	take := func(w set, name string) {
		if s&w == w {
			words = append(words, name)
			s &^= w
		}
	}
	for p := range phases {
		for _, g := range groups {
			if g.set.has(p) {
				take(g.set, g.name)
			}
		}
		take(1<<p, phaseNames[p])
	}
	return strings.Join(words, ",")
}
