package owner

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cafeprobe/uplink/durable"
)

// A PIN is short, so what protects it is that few can be tried: freeTries from one address, then waits that double up to maxWait,
// and budget from everywhere within window. Behind that the button alone helps, or a day's patience. Six digits last for decades.
const (
	minDigits = 6
	maxDigits = 12

	freeTries = 5
	maxWait   = time.Hour
	budget    = 30
	window    = 24 * time.Hour

	// defaultRounds of PBKDF2 are a tenth of a second on a Cortex-A53. Who holds the card has all that the page shows; they only make it dear
	// to learn a PIN that its owner may use elsewhere.
	defaultRounds = 100_000
	maxRounds     = 10_000_000
)

// errPIN is returned for a PIN that is not the one that was set.
var errPIN = errors.New("owner: wrong PIN")

// errSpent is returned when the day's budget of failures is used up.
var errSpent = errors.New("owner: too many failures today")

// waitError is returned to an address that has to wait.
type waitError struct{ d time.Duration }

func (e waitError) Error() string { return fmt.Sprintf("owner: wait %v", e.d) }

// lock holds the PIN and the failures to say it, in a file that survives a restart. It compares one PIN at a time: whoever tries many at
// once waits for himself.
type lock struct {
	path   string
	rounds int
	now    func() time.Time

	has atomic.Bool // there is a PIN: known without waiting for whoever is being compared

	mu sync.Mutex
	f  lockFile
}

// lockFile is the file.
type lockFile struct {
	V        int       `json:"v"`
	Salt     []byte    `json:"salt,omitempty"`
	Hash     []byte    `json:"hash,omitempty"`
	Rounds   int       `json:"rounds,omitempty"`
	Failures []failure `json:"failures,omitempty"` // within window, oldest first, at most budget
}

// failure is one PIN that was wrong. From is empty for one that its address has made good by the right PIN since.
type failure struct {
	At   int64  `json:"at"` // seconds since the Unix epoch
	From string `json:"from,omitempty"`
}

// openLock reads the file. One that is missing or says nothing sensible is a lock without a PIN, which lets nobody in; err says why.
func openLock(path string, rounds int, now func() time.Time) (*lock, error) {
	l := &lock{path: path, rounds: rounds, now: now, f: lockFile{V: 1}}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, fmt.Errorf("read the owner's PIN: %w", err)
	}
	var f lockFile
	if err := f.parse(b); err != nil {
		return l, fmt.Errorf("read the owner's PIN %s: %w", path, err)
	}
	l.f = f
	l.has.Store(f.Hash != nil)
	return l, nil
}

func (f *lockFile) parse(b []byte) error {
	if err := json.Unmarshal(b, f); err != nil {
		return err
	}
	if !f.valid() {
		return errors.New("no salt, hash and rounds in it")
	}
	return nil
}

func (f *lockFile) valid() bool {
	if f.V != 1 || len(f.Failures) > budget {
		return false
	}
	if f.Hash == nil {
		return f.Salt == nil && f.Rounds == 0
	}
	return len(f.Hash) == sha256.Size && len(f.Salt) >= 16 && f.Rounds > 0 && f.Rounds <= maxRounds
}

// isSet reports whether there is a PIN.
func (l *lock) isSet() bool { return l.has.Load() }

// set makes pin the PIN and forgets all failures.
func (l *lock) set(pin string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	salt := make([]byte, 16)
	rand.Read(salt) //nolint:errcheck // never fails (crypto/rand)
	hash, err := derive(pin, salt, l.rounds)
	if err != nil {
		return err
	}
	return l.keep(lockFile{V: 1, Salt: salt, Hash: hash, Rounds: l.rounds})
}

// try compares pin with the PIN for somebody at from. It returns nil, errPIN, errSpent or a waitError, or why the failure could not be
// written: a failure that is not counted is not allowed. It is counted before it is known for one, so that a power cut gives no free try.
func (l *lock) try(pin string, from netip.Addr) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f.Hash == nil {
		return errPIN
	}
	now := l.now()
	who := source(from)
	failures := recent(l.f.Failures, now)
	if len(failures) >= budget {
		return errSpent
	}
	if d := wait(failures, who, now); d > 0 {
		return waitError{d}
	}
	next := l.f
	next.Failures = append(failures, failure{now.Unix(), who})
	if err := l.keep(next); err != nil {
		return err
	}
	hash, err := derive(pin, l.f.Salt, l.f.Rounds)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(hash, l.f.Hash) != 1 {
		return errPIN
	}
	next.Failures = forgive(failures, who)
	return l.keep(next)
}

// keep writes f and then goes by it.
func (l *lock) keep(f lockFile) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(l.path, append(b, '\n')); err != nil {
		return err
	}
	l.f = f
	l.has.Store(f.Hash != nil)
	return nil
}

// recent returns a copy of those of fs that are within window of now. What lies ahead, because the clock was put back, counts as now.
func recent(fs []failure, now time.Time) []failure {
	out := make([]failure, 0, len(fs)+1)
	for _, f := range fs {
		f.At = min(f.At, now.Unix())
		if f.At > 0 && now.Unix()-f.At < int64(window/time.Second) {
			out = append(out, f)
		}
	}
	return out
}

// wait returns how long who has to wait before the next try.
func wait(fs []failure, who string, now time.Time) time.Duration {
	n, last := 0, int64(0)
	for _, f := range fs {
		if f.From == who {
			n, last = n+1, f.At
		}
	}
	if n < freeTries {
		return 0
	}
	d := min(maxWait, time.Minute<<min(n-freeTries, 10))
	return max(0, d-now.Sub(time.Unix(last, 0)))
}

// forgive returns a copy of fs in which those of who no longer make him wait. The budget goes on counting them.
func forgive(fs []failure, who string) []failure {
	out := make([]failure, len(fs))
	for i, f := range fs {
		if f.From == who {
			f.From = ""
		}
		out[i] = f
	}
	return out
}

// source returns what an address counts as: itself. A prefix would be the whole café, which shares one with its owner; who makes up many
// addresses is held by the budget.
func source(a netip.Addr) string { return a.Unmap().WithZone("").String() }

func derive(pin string, salt []byte, rounds int) ([]byte, error) {
	return pbkdf2.Key(sha256.New, pin, salt, rounds, sha256.Size)
}

// goodPIN reports whether s may be a PIN: 6 to 12 digits, which are not one digit only and do not count up or down.
func goodPIN(s string) bool {
	if len(s) < minDigits || len(s) > maxDigits {
		return false
	}
	steps := [3]int{}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		if i == 0 {
			continue
		}
		if d := int(s[i]) - int(s[i-1]); d >= -1 && d <= 1 {
			steps[d+1]++
		}
	}
	return steps[0] < len(s)-1 && steps[1] < len(s)-1 && steps[2] < len(s)-1
}

// crockford reads letters as Crockford's base32 means them: small ones as large ones, O as 0, I and L as 1. Spaces and hyphens do not
// count.
var crockford = strings.NewReplacer("o", "0", "i", "1", "l", "1", "-", "", " ", "", "\u00a0", "")

// sameCode reports whether given is the code of the label, however it is written. An empty code is nobody's.
func sameCode(given, code string) bool {
	a, b := crockford.Replace(strings.ToLower(given)), crockford.Replace(strings.ToLower(code))
	return b != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
