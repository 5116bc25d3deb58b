package uplink

import "fmt"

// Link says that a port's link went up or down. A capture port without a link sees nothing: a Blind follows.
type Link struct {
	Stamp
	Port  string `json:"port"` // a word: capture, uplink
	Up    bool   `json:"up"`
	Speed Int    `json:"speed,omitempty"` // Mbit/s, where the port says so
}

// Kind returns KindLink.
func (*Link) Kind() Kind { return KindLink }

func (l *Link) valid() error {
	if !isWord(l.Port, 16) {
		return fmt.Errorf("port %.20q", l.Port)
	}
	return nil
}
