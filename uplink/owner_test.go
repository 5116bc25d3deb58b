package uplink

import (
	"errors"
	"strings"
	"testing"
)

// TestRefusesNotes: what is no plain line of at most 500 letters does not become a record, whatever its length in octets.
func TestRefusesNotes(t *testing.T) {
	f := func(note string, ok bool) {
		t.Helper()
		d := &Dispute{Stamp: at, Night: "2026-11-24", Stage: StageAlert, Seq: 1, Note: note}
		r, err := Encode(d)
		if ok != (err == nil) || err != nil && !errors.Is(err, ErrRecord) {
			t.Fatalf("%.40q: %v, want taken: %v", note, err, ok)
		}
		if ok {
			if b, err := r.Body(); err != nil || b.(*Dispute).Note != note {
				t.Errorf("%.40q reads back as %+v, %v", note, b, err)
			}
		}
	}
	f("Thợ sửa máy", true)
	f(strings.Repeat("ở", MaxDisputeNote), true)
	f(`<script>"&\`, true) // what it means is up to who shows it
	f(strings.Repeat("<", MaxDisputeNote), true)
	f(strings.Repeat("ở", MaxDisputeNote+1), false)
	f("", false)
	f("a\nb", false)
	f("a\x00b", false)
	f("a\u202eb", false)
	f("a\u2028b", false)
	f("a\xffb", false)
}

func TestRefusesMaintenance(t *testing.T) {
	f := func(from, to Time, by string, ok bool) {
		t.Helper()
		if _, err := Encode(&Maintenance{Stamp: at, From: from, To: to, By: by}); ok != (err == nil) {
			t.Errorf("from %d to %d by %q: %v, want taken: %v", from, to, by, err, ok)
		}
	}
	const week = 7 * 24 * 3600 * 1000
	f(1, 1+week, ByProvince, true)
	f(1, 2+week, ByProvince, false)
	f(2, 2, ByOwner, false)
	f(2, 1, ByOwner, false)
	f(0, 1, ByOwner, false)
	f(1, 2, "", false)
}

// FuzzCleanNote: what is clean and not too long is taken, and cleaning it again changes nothing.
func FuzzCleanNote(f *testing.F) {
	f.Add(" Thợ\r\n sửa\tmáy\u200b \u202e")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, s string) {
		note := CleanNote(s)
		if again := CleanNote(note); again != note {
			t.Errorf("%q becomes %q, then %q", s, note, again)
		}
		if note == "" || len([]rune(note)) > MaxDisputeNote {
			return
		}
		if _, err := Encode(&Dispute{Stamp: at, Night: "2026-11-24", Stage: StageEnd, Seq: 1, Note: note}); err != nil {
			t.Errorf("%q becomes %q: %v", s, note, err)
		}
	})
}
