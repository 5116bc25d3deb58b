package cafe

import (
	"slices"
	"strings"

	"cafeprobe/capture"
	"cafeprobe/firmware/state"
)

// A computer is known by its card. A boot loader says besides which computer it runs on (DHCP option 97, RFC 4578 §2.3):
// when another card says the same, the card was changed, or the boards are clones that all say it. Clones are found out
// by what no computer does: two of its cards are heard at the same time, or one comes back that was changed.

// machine is what is known of the computer of one UUID.
type machine struct {
	key      string      // of its UUID
	mac      capture.MAC // its card now, zero as long as it was not heard in this run
	card     string      // the same as Keys has it, empty where nothing is kept
	was      []string    // those before, at most maxCards
	repeated bool        // it is no one computer's
	age      uint
}

// madeUpUUIDs are those that makers of boards left in, as inventory programs' lists of such have them; AMI's is in published
// hardware reports of boards of Intel, MSI, ASUS and ASRock. Besides, those of one digit alone: zeros and ones, which SMBIOS
// (§7.2.1) has for not present and not set.
var madeUpUUIDs = []string{
	"03000200-0400-0500-0006-000700080009", // AMI's example
	"fefefefe-fefe-fefe-fefe-fefefefefefe", // FreeBSD's list, of its host ids
	"12345678-1234-5678-90ab-cddeefaabbcc",
	"00020003-0004-0005-0006-000700080009", // the first, in the other order of octets
}

// tells reports whether a UUID may tell one computer from others.
func tells(uuid string) bool {
	digits := strings.ReplaceAll(strings.ToLower(uuid), "-", "")
	if digits == "" || strings.Count(digits, digits[:1]) == len(digits) {
		return false
	}
	return !slices.Contains(madeUpUUIDs, strings.ToLower(uuid))
}

// identify takes what the boot loader of s says of the computer that it runs on, and returns the station that s is.
func (c *Cafe) identify(s *Station, o *capture.Observation) *Station {
	d := o.DHCP
	if d.FromServer || d.V6 || d.Client != o.MAC || !tells(d.ClientUUID) || s.uuid != "" {
		return s
	}
	s.uuid = d.ClientUUID
	if c.keys != nil {
		s.uuid = c.keys.Computer(d.ClientUUID)
	}
	m := c.machines[s.uuid]
	if m == nil {
		c.admit(s.uuid, s)
		return s
	}
	before := c.stations[m.mac]
	if m.repeated || before == s {
		return s
	}
	if before == nil || before.uuid != s.uuid { // forgotten, or of a run before
		c.another(m, s)
		return s
	}
	if s.Confirmed || before.Last >= s.First {
		m.repeated = true
		c.learns()
		return s
	}
	if before.on {
		return s // it may yet be heard: of computers that come on one after the other, all say the same
	}
	c.replaced(m, s)
	return c.join(before, s)
}

// another takes s for what has the card of m now, where no station has the one that it had. Where that was in a run before, s
// is told of as it was then, if it is new; if it is not, nobody can tell whether it was on beside the other.
func (c *Cafe) another(m *machine, s *Station) {
	switch {
	case m.card == c.card(s.MAC): // or nothing is kept
		m.mac = s.MAC
	case !m.mac.IsZero(): // forgotten: so is by what it was told of
		c.unindex(m)
		m.was, m.card = nil, ""
		c.replaced(m, s)
	case s.Confirmed:
		m.repeated = true
		c.learns()
	default:
		c.replaced(m, s)
		s.alias = m.was[0]
	}
}

// join makes one station of s, which is new, and of what its computer was on another card.
func (c *Cafe) join(before, s *Station) *Station {
	delete(c.stations, before.MAC)
	c.crowd[s.place.rank].remove(s)
	before.Was = append(before.Was, before.MAC)
	if len(before.Was) > maxCards {
		delete(c.former, before.Was[1])
		before.Was = slices.Delete(before.Was, 1, 2) // the first is what it is told of by
	}
	before.MAC, before.joined, before.sight = s.MAC, s.First, s.sight
	facts := before.DHCP
	before.VLANs, before.DHCP, before.lastDHCP = s.VLANs, s.DHCP, &facts
	before.Sent.Frames += s.Sent.Frames
	before.Sent.Octets += s.Sent.Octets
	for i := range s.Addrs {
		if !slices.ContainsFunc(before.Addrs, func(a Addr) bool { return a.Addr == s.Addrs[i].Addr }) && len(before.Addrs) < maxAddrs {
			before.Addrs = append(before.Addrs, s.Addrs[i])
		}
	}
	before.boot, before.bootWhat, before.loading = max(before.boot, s.boot), s.bootWhat, s.loading
	if before.bootWhat == "" {
		before.bootWhat = "PXE boot"
	}
	for _, m := range before.Was {
		c.former[m] = before
	}
	c.stations[before.MAC] = before
	c.crowd.heard(before)
	return before
}

// find returns the station whose card has, or at t had, the address m.
func (c *Cafe) find(m capture.MAC, t int64) *Station {
	if s := c.stations[m]; s != nil {
		return s
	}
	if s := c.former[m]; s != nil && t < s.joined {
		return s
	}
	return nil
}

// part takes a card that comes back at t, which a computer was said to have changed: there are two of them. It gets back what
// was known of it; the other, which is told of by its own card from now on, keeps what it did since. The result is nil for
// any other card.
func (c *Cafe) part(m capture.MAC, t int64) *Station {
	s := c.former[m]
	if s == nil {
		return nil
	}
	if k := c.machines[s.uuid]; k != nil {
		k.repeated = true
		c.learns()
	}
	was := *s // events are read when s has its own name already
	c.withdraw(s, &was)
	c.forgetCards(s)
	a := c.make(m, t)
	a.First, a.Confirmed, a.Clues, a.DHCP, a.uuid, a.silence = s.First, s.Confirmed, s.Clues, *s.lastDHCP, s.uuid, s.silence
	a.alias, s.alias = s.alias, ""
	a.Names, s.Names = cut(s.Names, func(n Name) bool { return n.First < s.joined })
	a.Addrs, s.Addrs = cut(s.Addrs, func(d Addr) bool { return d.First < s.joined })
	a.Sessions, s.Sessions = cut(s.Sessions, func(e Session) bool { return e.Start < s.joined })
	a.Uses, s.Uses = cut(s.Uses, func(e state.Session) bool { return e.Start < s.joined })
	a.Did, s.Did = cut(s.Did, func(d Stretch) bool { return d.From < s.joined })
	a.Presence, s.Presence = cut(s.Presence, func(i Interval) bool { return i.Start < s.joined })
	s.First, s.told = s.joined, RoleUnknown
	c.judge(s, c.now)
	return a
}

// cut returns what of list is of the old card, and what is not.
func cut[T any](list []T, old func(T) bool) (before, since []T) {
	for _, x := range list {
		if old(x) {
			before = append(before, x)
		} else {
			since = append(since, x)
		}
	}
	return before, since
}

// forgetCards forgets which cards s had.
func (c *Cafe) forgetCards(s *Station) {
	for _, m := range s.Was {
		delete(c.former, m)
	}
	s.Was = nil
}

// forgetMachine forgets the computer of s, which is forgotten itself.
func (c *Cafe) forgetMachine(s *Station) {
	c.forgetCards(s)
	if k := c.machines[s.uuid]; k != nil && k.mac == s.MAC {
		c.dropMachine(k)
	}
}

// ID is what s is told of by: the card that its computer had when it was first heard.
func (s *Station) ID() capture.MAC {
	if len(s.Was) > 0 {
		return s.Was[0]
	}
	return s.MAC
}
