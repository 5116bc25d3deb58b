package evidence

import (
	"strings"
	"time"
)

const (
	// maxSites is how many sites of a station are remembered; the one that was asked for longest ago goes first. A page asks
	// for 10 to 60, and an hour of browsing for a few hundred.
	maxSites = 128

	// asked is for how long a site is known.
	asked = int64(time.Hour)
)

// sites remembers, by hashes alone, which sites a station asked for within the hour.
type sites struct {
	hash [maxSites]uint64
	last [maxSites]int64
}

// fresh notes that the site of name was asked for at t, and reports whether it was not known.
func (s *sites) fresh(name string, t int64) bool {
	h := hash(siteOf(name))
	oldest := 0
	for i := range s.hash {
		if s.hash[i] == h && s.last[i] != 0 {
			known := t-s.last[i] < asked
			s.last[i] = t
			return !known
		}
		if s.last[i] < s.last[oldest] {
			oldest = i
		}
	}
	s.hash[oldest], s.last[oldest] = h, t
	return true
}

// hash is FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/). Who makes names with one hash is counted less, and
// no more.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// siteOf returns what of a name stands for the site: the label below the public suffix and all to its right, where suffixes
// of two labels are known by their form (com.vn, co.uk). CDNs make up what stands before it.
func siteOf(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	last := strings.LastIndexByte(name, '.')
	if last < 0 {
		return name
	}
	second := strings.LastIndexByte(name[:last], '.')
	if second < 0 {
		return name
	}
	if len(name)-last-1 == 2 { // a country's
		switch label := name[second+1 : last]; label {
		case "com", "co", "net", "org", "edu", "gov", "ac", "info", "name", "pro", "int", "health", "biz", "ne", "or", "go":
			if third := strings.LastIndexByte(name[:second], '.'); third >= 0 {
				return name[third+1:]
			}
			return name
		}
	}
	return name[second+1:]
}
