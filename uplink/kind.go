package uplink

// Kind says what a record tells: a word of 1 to 12 of a-z, 0-9 and inner hyphens. Kinds are only ever added; a reader keeps and receipts
// records of kinds that it does not know.
type Kind string

// The kinds.
const (
	KindBoot     Kind = "boot"     // the daemon started: Boot
	KindOff      Kind = "off"      // the box was off between two times: Off
	KindAnchor   Kind = "anchor"   // boot time against UTC: Anchor
	KindRoster   Kind = "roster"   // the stations known: Roster
	KindOpen     Kind = "open"     // a session started: Open
	KindClose    Kind = "close"    // a session stopped: Close
	KindTitle    Kind = "title"    // minutes a title was in use: Title
	KindVantage  Kind = "vantage"  // what the box can see from where it is plugged in: Vantage
	KindBlind    Kind = "blind"    // the box stopped or started seeing: Blind
	KindLink     Kind = "link"     // a port's link went up or down: Link
	KindPower    Kind = "power"    // power quality: Power
	KindConfig   Kind = "cfg"      // the configuration changed: Config
	KindCommand  Kind = "cmd"      // a command's result: Done
	KindUpdate   Kind = "update"   // a firmware update's step: Update
	KindHealth   Kind = "health"   // counters of the box: Health
	KindGap      Kind = "gap"      // records that are lost, and why: Gap
	KindFork     Kind = "fork"     // the province has another history than the card: Fork
	KindSecurity Kind = "security" // something was refused: Security
	KindEvent    Kind = "event"    // something happened to the box beneath its daemon: Event

	KindAfterHours Kind = "after-hours" // stations were in use when nobody may use one: AfterHours

	KindMaintenance Kind = "maint"   // work at the café was announced: Maintenance
	KindDispute     Kind = "dispute" // the owner does not agree with what is told of a night: Dispute
)

// kinds says how records of each kind are treated, in the order of the documents. A new kind is one row, one type in a
// file of its own, one golden file.
var kinds = [...]struct {
	kind   Kind
	urgent bool        // committed at once
	thin   bool        // refused when the card is full
	body   func() Body // nil: carried as it is
}{
	{KindBoot, true, false, func() Body { return new(Boot) }},
	{KindOff, false, false, func() Body { return new(Off) }},
	{KindAnchor, true, false, func() Body { return new(Anchor) }},
	{KindRoster, false, false, func() Body { return new(Roster) }},
	{KindOpen, false, false, func() Body { return new(Open) }},
	{KindClose, true, false, func() Body { return new(Close) }},
	{KindTitle, false, true, func() Body { return new(Title) }},
	{KindVantage, false, false, func() Body { return new(Vantage) }},
	{KindBlind, false, false, func() Body { return new(Blind) }},
	{KindLink, false, false, func() Body { return new(Link) }},
	{KindPower, false, false, func() Body { return new(Power) }},
	{KindConfig, false, false, func() Body { return new(Config) }},
	{KindCommand, false, false, func() Body { return new(Done) }},
	{KindUpdate, false, false, func() Body { return new(Update) }},
	{KindHealth, false, true, func() Body { return new(Health) }},
	{KindGap, false, false, func() Body { return new(Gap) }},
	{KindFork, false, false, func() Body { return new(Fork) }},
	{KindSecurity, true, false, func() Body { return new(Security) }},
	{KindEvent, false, false, func() Body { return new(Event) }},
	{KindAfterHours, true, false, func() Body { return new(AfterHours) }},
	{KindMaintenance, true, false, func() Body { return new(Maintenance) }},
	{KindDispute, true, false, func() Body { return new(Dispute) }},
}

// Kinds returns all kinds this version knows, in the order of the documents.
func Kinds() []Kind {
	ks := make([]Kind, len(kinds))
	for i := range kinds {
		ks[i] = kinds[i].kind
	}
	return ks
}

// Known reports whether k is one of Kinds.
func (k Kind) Known() bool { return k.row() >= 0 }

// Urgent reports whether a record of kind k is committed to the card at once: session stop, boot, anchor, security,
// after hours, maintenance, dispute.
func (k Kind) Urgent() bool { i := k.row(); return i >= 0 && kinds[i].urgent }

// Prompt reports whether a record of kind k is sent at once, rather than with others a little later: a start of the box, a
// gap, a fork, a command's result, something refused, use after hours, what the owner says of it.
func (k Kind) Prompt() bool {
	switch k {
	case KindBoot, KindGap, KindFork, KindCommand, KindSecurity, KindAfterHours, KindMaintenance, KindDispute:
		return true
	}
	return false
}

// Thin reports whether records of kind k may be refused when the card is full. Sessions never are, nor unknown kinds.
func (k Kind) Thin() bool { i := k.row(); return i >= 0 && kinds[i].thin }

// Valid reports whether k is such a word.
func (k Kind) Valid() bool { return isWord(string(k), 12) }

func (k Kind) row() int {
	for i := range kinds {
		if kinds[i].kind == k {
			return i
		}
	}
	return -1
}

// isWord reports whether s is 1 to n letters a-z, digits or inner hyphens, starting with a letter.
func isWord(s string, n int) bool {
	if s == "" || len(s) > n || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}
