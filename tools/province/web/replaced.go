package web

import (
	"context"
	"time"

	"cafeprobe/tools/province/store"
)

// maxSwaps is how many replacements of one café's box the page tells of, the newest.
const maxSwaps = 4

// swaps returns for each box that stands in a café what was replaced there, newest first.
func (w *Server) swaps(ctx context.Context) (map[string][]store.Replacement, error) {
	all, err := w.store.Replacements(ctx)
	if err != nil {
		return nil, err
	}
	heir := map[string]string{} // of each box that was replaced
	out := map[string][]store.Replacement{}
	for _, r := range all { // newest first: who stands there now is known before who stood there then
		now := r.New
		if h, ok := heir[r.New]; ok {
			now = h
		}
		if !r.Same() {
			heir[r.Old] = now
		}
		out[now] = append(out[now], r)
	}
	return out, nil
}

// swapped says what was replaced, and whether what was replaced has come back since.
func (l *words) swapped(list []store.Replacement) (text string, back bool) {
	for i, r := range list[:min(len(list), maxSwaps)] {
		day, wait, why, returned := dateOf(r.At), "", "", ""
		what := l.f(l.replaced, day, r.Old)
		switch {
		case r.Known == store.ByHello:
			what = l.f(l.newChain, day)
		case r.Same():
			what = l.f(l.newCard, day)
		}
		if r.Why != "" {
			why = l.f(l.because, r.Why)
		}
		if i == 0 && r.Linked.IsZero() {
			wait = l.awaited
		}
		if !r.Returned.IsZero() {
			back = true
			returned = l.f(l.cameBack, r.Old, moment{r.Returned})
		}
		text = sentences(text, what, why, wait, returned)
	}
	return text, back
}

// dateOf is the day of t as people in Vietnam read it.
func dateOf(t time.Time) string { return t.In(vietnam).Format("02/01/2006") }
