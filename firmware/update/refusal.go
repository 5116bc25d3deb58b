package update

import (
	"errors"
	"fmt"

	"cafeprobe/uplink"
)

// Why says in a word why a firmware is not taken (uplink.Update.Why).
type Why string

// The reasons. Those of them that Security has a word for are what somebody does who must not.
const (
	Malformed  Why = "malformed"   // metadata or an announcement that is none
	Unsigned   Why = "unsigned"    // metadata without a signature
	WrongKey   Why = "wrong-key"   // or with one that does not verify, or too few
	RevokedKey Why = "revoked-key" // or with one of a key that was replaced
	Older      Why = "older"       // metadata that was replaced, or a firmware below the one that runs
	Frozen     Why = "frozen"      // metadata that has expired: somebody holds newer ones back
	OtherBoard Why = "other-board"
	Truncated  Why = "truncated"
	Swapped    Why = "swapped" // another file than the one that was signed
	Endless    Why = "endless" // more than the metadata say
	NoRoom     Why = "no-room" // in the slot or on the card

	Current Why = "current" // it runs already
	Absent  Why = "absent"  // the province's folder has no such firmware for this board
	Network Why = "network" // it could not be fetched for days
	Card    Why = "card"    // the card does not keep what is written
)

// Security returns what a security record says of a refusal, or "" if nobody did anything wrong.
func (w Why) Security() string {
	switch w {
	case Malformed, Truncated:
		return uplink.SecurityMalformed
	case Unsigned, WrongKey, RevokedKey, Swapped:
		return uplink.SecurityForged
	case Older:
		return uplink.SecurityReplayed
	case Frozen:
		return uplink.SecurityExpired
	case OtherBoard:
		return uplink.SecurityMisled
	case Endless:
		return uplink.SecurityFlood
	case NoRoom:
		return uplink.SecurityNoRoom
	}
	return ""
}

// isWhy reports whether w is one of the reasons.
func isWhy(w Why) bool {
	switch w {
	case Malformed, Unsigned, WrongKey, RevokedKey, Older, Frozen, OtherBoard, Truncated, Swapped, Endless, NoRoom, Current, Absent, Network,
		Card:
		return true
	}
	return false
}

// Refusal is an error for good: the same would be refused again. Other errors are of the way, and may pass.
type Refusal struct {
	Why Why
	Err error // what was found; nil for nothing more
}

// Refuse returns a Refusal.
func Refuse(why Why, format string, args ...any) error {
	return &Refusal{why, fmt.Errorf(format, args...)}
}

// Error says why.
func (r *Refusal) Error() string {
	if r.Err == nil {
		return "update: " + string(r.Why)
	}
	return fmt.Sprintf("update: %s: %v", r.Why, r.Err)
}

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }

// Refused returns why err is for good, or "".
func Refused(err error) Why {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Why
	}
	return ""
}
