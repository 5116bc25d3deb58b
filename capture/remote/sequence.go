package remote

const (
	// window is how far back a late frame is still told from one that comes twice. Queues of a network card and paths of a
	// switch were never seen to reorder by more than some dozens.
	window = 1024
	// leap is the longest loss that is believed, ten seconds of a busy gigabit. A number further off is a sender that began
	// anew, or a stray.
	leap = 1 << 20
)

// sequence follows the numbers of one session. What was lost is what was to come between the lowest and the highest number,
// less what came, each number once (as of RFC 3550 appendix A.1 and A.3).
type sequence struct {
	on         bool
	base, high uint64 // lowest and highest number, extended beyond 32 bits
	came       uint64 // different numbers among them
	seen       [window / 64]uint64
	next       uint32 // what would follow a stray: two in a row are a new beginning
	stray      bool

	lost                         uint64 // in what ended with a new beginning
	duplicates, late, beginnings uint64
}

// add notes that number n came.
func (q *sequence) add(n uint32) {
	if !q.on {
		q.begin(n)
		return
	}
	d := int64(int32(n - uint32(q.high)))
	switch {
	case d > 0 && d <= leap:
		q.advance(uint64(d))
	case d <= 0 && d > -window:
		q.behind(q.high - uint64(-d))
	case q.stray && n == q.next:
		q.lost = q.total()
		q.beginnings++
		q.begin(n - 1)
		q.advance(1)
	default:
		q.stray, q.next = true, n+1
		return
	}
	q.stray = false
}

func (q *sequence) begin(n uint32) {
	q.on = true
	q.base = 1<<32 + uint64(n) // room for late ones below
	q.high, q.came = q.base, 1
	q.seen = [window / 64]uint64{}
	q.mark(q.high)
}

// advance makes the number d above the highest the highest.
func (q *sequence) advance(d uint64) {
	if d >= window {
		q.seen = [window / 64]uint64{}
	} else {
		for n := q.high + 1; n < q.high+d; n++ {
			q.seen[n/64%(window/64)] &^= 1 << (n % 64)
		}
	}
	q.high += d
	q.came++
	q.mark(q.high)
}

// behind notes number n, which is not above the highest.
func (q *sequence) behind(n uint64) {
	if q.seen[n/64%(window/64)]&(1<<(n%64)) != 0 {
		q.duplicates++
		return
	}
	q.late++
	q.came++
	q.base = min(q.base, n)
	q.mark(n)
}

func (q *sequence) mark(n uint64) { q.seen[n/64%(window/64)] |= 1 << (n % 64) }

// total returns how many are missing, of all beginnings.
func (q *sequence) total() uint64 {
	if !q.on {
		return 0
	}
	return q.lost + q.high - q.base + 1 - q.came
}
