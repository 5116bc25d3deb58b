package uplink

import "fmt"

// Title says how long titles were in use in the whole café in the Window before the stamp. It names no station, by type:
// what one person plays is nobody's business.
type Title struct {
	Stamp
	Window Int        `json:"win"` // seconds
	Mix    []TitleUse `json:"mix,omitempty"`
}

// TitleUse is one title's share of a Title.
type TitleUse struct {
	Title    string `json:"title"` // id in the table of titles: a word of at most 32 octets
	Minutes  Int    `json:"min"`   // station-minutes
	Stations Int    `json:"sts"`   // how many stations
}

// MaxMix is how many titles one record holds.
const MaxMix = 128

// Kind returns KindTitle.
func (*Title) Kind() Kind { return KindTitle }

func (t *Title) valid() error {
	if len(t.Mix) > MaxMix {
		return fmt.Errorf("%d titles", len(t.Mix))
	}
	for _, u := range t.Mix {
		if !isWord(u.Title, 32) {
			return fmt.Errorf("title %.40q", u.Title)
		}
	}
	return nil
}
