package uplink

import "fmt"

// Roster says which stations belong to the café, in an order that Occ.States refers to by Rev. A roster of more than
// MaxRoster stations is several records with the same Rev, Part 1 to Parts.
type Roster struct {
	Rev   Int `json:"rev"`   // rises with every change of the roster
	Part  Int `json:"part"`  // from 1
	Parts Int `json:"parts"` // how many records make up Rev
	Stamp
	Stations []Member `json:"sts,omitempty"`
}

// Member is one station of a Roster.
type Member struct {
	Station StationID `json:"st"`
	Role    string    `json:"role"` // a word: pc, server, router, phone, …
}

// MaxRoster is how many stations one Roster record holds; with them it is below MaxBody.
const MaxRoster = 250

// Kind returns KindRoster.
func (*Roster) Kind() Kind { return KindRoster }

func (r *Roster) valid() error {
	if len(r.Stations) > MaxRoster || r.Part < 1 || r.Part > r.Parts || r.Parts > 64 {
		return fmt.Errorf("%d stations, part %d of %d", len(r.Stations), r.Part, r.Parts)
	}
	for _, m := range r.Stations {
		if !m.Station.Valid() || !isWord(m.Role, 16) {
			return fmt.Errorf("station %.20q, role %.20q", m.Station, m.Role)
		}
	}
	return nil
}
