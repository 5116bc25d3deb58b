package uplink

import (
	"errors"
	"fmt"
)

// Config says that the box's configuration is another from the stamp on: what is judged by it changes its meaning here.
// The values are not told, only which fields changed and the hash of the whole.
type Config struct {
	Stamp
	Hash    Hash     `json:"hash"`         // SHA-256 of the effective configuration as -check prints it
	Changed []string `json:"ch,omitempty"` // fields, with dots: cafe.silence
	Command Int      `json:"n,omitempty"`  // number of the command that asked for it; absent: it was changed on the box
}

// maxChanged is how many fields one record names; the configuration has fewer.
const maxChanged = 64

// Kind returns KindConfig.
func (*Config) Kind() Kind { return KindConfig }

func (c *Config) valid() error {
	if c.Hash == (Hash{}) || len(c.Changed) > maxChanged {
		return errors.New("no hash, or too many fields")
	}
	for _, f := range c.Changed {
		if !isField(f) {
			return fmt.Errorf("field %.50q", f)
		}
	}
	return nil
}

// isField reports whether s is 1 to 48 of a-z, 0-9, _ and inner dots, as configuration fields are named.
func isField(s string) bool {
	for i := range len(s) {
		c := s[i]
		inner := i > 0 && i < len(s)-1
		if (c < 'a' || c > 'z') && (!inner || c != '.' && c != '_') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 48
}
