// Package commission is the box's end of its commissioning: a technician's laptop gives it, over the serial console, the files that make
// it the box of a café. They are gathered in memory and put in place together or not at all, so that a cable that is pulled out, a
// second laptop or noise leave a box as it was. Whoever gives them does so under verbs of firmware/console:
//
//	hello     who the box is; Hello
//	begin     opens a session, of which there is one; Begin, Session
//	put       a piece of a file; Put, Have
//	commit    puts all in place; Commit
//	label     what its label is to say; Ask, Label
//
// Each may be said twice, as a laptop does that heard no answer. A box that is in use opens no session unless somebody holds its button,
// or shows a technician's certificate of the province that the box belongs to.
package commission

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"cafeprobe/firmware/console"
	"cafeprobe/firmware/init/provision"
)

// Version of the conversation.
const Version = 1

// Hello is the answer to hello.
type Hello struct {
	Version int    `json:"v"`
	Board   string `json:"board"`
	Release string `json:"release"`

	Ready  bool   `json:"ready"`           // the card takes what is put in place; false a while after the start
	Inside bool   `json:"inside"`          // it is a café's box already
	Locked bool   `json:"locked"`          // a session needs the button or a certificate
	Nonce  string `json:"nonce,omitempty"` // what a certificate's holder signs, once; of a locked box

	Sum string `json:"sum,omitempty"` // Commit.Sum of what was put in place last since it started

	Box         string `json:"box,omitempty"` // its name, from when it has made its keys
	Key         []byte `json:"key,omitempty"` // its public key (Ed25519)
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Begin asks for a session.
type Begin struct {
	By    string   `json:"by"`              // who: a laptop that begins again takes its own session over
	Chain [][]byte `json:"chain,omitempty"` // a technician's certificate (X.509, DER) and what is between it and the root
	Sig   []byte   `json:"sig,omitempty"`   // ECDSA of Challenge(hello's nonce, By) by the certificate's key
}

// Session names the session that was opened.
type Session struct {
	Session string `json:"s"`
}

// Put is a piece of a file. Pieces come in order; one that is there already is taken again.
type Put struct {
	Session string `json:"s"`
	Name    string `json:"name"` // one of Names
	Size    int    `json:"n"`    // of the whole file, in octets
	At      int    `json:"at"`
	Data    []byte `json:"d"`
}

// Have says how much of a file is there.
type Have struct {
	Have int `json:"have"`
}

// Commit ends a session. Sum is the SHA-256, hexadecimal, of the archive that the files make (provision.Encode, in the order of Names): so
// the box has what the laptop means, and nothing else.
type Commit struct {
	Session string `json:"s"`
	Sum     string `json:"sum"`
}

// Ask asks for the box's label: in an open session, for a while after the commit that ended one, or at the box whose button was held.
type Ask struct {
	Session string `json:"s,omitempty"`
}

// Label is what a box's label says. Code is for its owner's eyes: whoever prints the label keeps no copy of it.
type Label struct {
	Box     string `json:"box"`
	Key     []byte `json:"key"`               // its public key (Ed25519)
	Code    string `json:"code"`              // of the owner's page (uplink/label)
	Page    string `json:"page,omitempty"`    // fingerprint of the page's certificate; empty where the box serves none
	Address string `json:"address,omitempty"` // of the page: https://…; empty while the uplink has none
}

// Names are the files that may be given: all of a box's but its identity, whose keys the box makes itself and never tells.
var Names = slices.DeleteFunc(slices.Clone(provision.Names), func(n string) bool { return n == "state/identity.json" })

// Limits.
const (
	maxFile = 256 << 10 // octets, of one
	maxBy   = 64        // octets, of a name
	idle    = time.Minute
	after   = 15 * time.Minute // a commit: so long the label is told to who made it
	nonceOK = time.Minute
)

// Box is what a Desk needs of the box that it stands on. All are called one at a time.
type Box interface {
	// About fills in who the box is; Locked, Nonce and Version are the Desk's.
	About() Hello
	// Open reports whether somebody at the box has opened the console.
	Open() bool
	// Trust returns whose certificate may open a box that is in use; an error says why this one may not.
	Trust(chain [][]byte) (Signer, error)
	// Check says what is wrong with files, before they are put in place.
	Check(files []provision.File) error
	// Label returns what the box's label says; an error while the box has no keys yet, or is starting.
	Label() (Label, error)
	// Keep puts them in place. A power cut may leave some of them; then the box is not in use yet, or what it was.
	Keep(files []provision.File) error
}

// Signer verifies what the holder of a certificate signed.
type Signer interface {
	// Verify reports whether sig is of digest, a SHA-256.
	Verify(digest, sig []byte) bool
}

// Challenge returns the SHA-256 that a technician's key signs to open a session.
func Challenge(nonce, by string) []byte {
	sum := sha256.Sum256([]byte("cafeprobe console 1\x00" + nonce + "\x00" + by))
	return sum[:]
}

// Desk keeps the session. Its methods may be called from several goroutines.
type Desk struct {
	box Box
	now func() time.Duration // a steady clock

	mu     sync.Mutex
	open   *session // nil for none
	done   Commit   // the last that was put in place
	doneAt time.Duration
	nonce  string
	nonced time.Duration // when it was given
	wait   time.Duration // before the next try, after one that was refused
	until  time.Duration // and when that is over
}

type session struct {
	id    string
	by    string
	seen  time.Duration // when it said something last
	files map[string]*file
}

type file struct {
	size int
	data []byte
}

// New returns the Desk of a box. now is a steady clock's time.
func New(box Box, now func() time.Duration) *Desk { return &Desk{box: box, now: now} }

// Verbs returns what the console answers.
func (d *Desk) Verbs() console.Verbs {
	return console.Verbs{
		"hello":  func(json.RawMessage) (any, error) { return d.hello(), nil },
		"begin":  verb(d, d.begin),
		"put":    verb(d, d.put),
		"commit": verb(d, d.commit),
		"label":  verb(d, d.label),
	}
}

// verb reads what a verb is given. A field that is unknown is an error: the other end means something that this one does not do.
func verb[T any](d *Desk, do func(*T) (any, error)) func(json.RawMessage) (any, error) {
	return func(raw json.RawMessage) (any, error) {
		var v T
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&v); err != nil {
			return nil, refuse(CodeAsked, "not understood: %w", err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		return do(&v)
	}
}

func (d *Desk) hello() Hello {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.box.About()
	h.Version, h.Locked, h.Nonce, h.Sum = Version, d.locked(h), "", d.done.Sum
	if h.Locked {
		if d.nonce == "" || d.now()-d.nonced > nonceOK/2 {
			d.nonce, d.nonced = token(), d.now()
		}
		h.Nonce = d.nonce
	}
	return h
}

func (d *Desk) locked(h Hello) bool { return h.Inside && !d.box.Open() }

// token returns something that nobody guesses: 96 bits.
func token() string {
	var b [12]byte
	rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	return hex.EncodeToString(b[:])
}

// Codes of what a Desk refuses, by which a laptop knows what to do, and says it in its language.
const (
	CodeAsked       = "asked"       // what was asked for makes no sense
	CodeWait        = "wait"        // another try was refused a moment ago
	CodeReady       = "ready"       // nothing can be kept yet, or the card is broken
	CodeBusy        = "busy"        // another laptop is at it
	CodeLocked      = "locked"      // the button, or a certificate
	CodeCertificate = "certificate" // the certificate does not open this box
	CodeSession     = "session"     // begin again
	CodeLabel       = "label"       // the box has no keys yet, or its page no certificate
	CodeFiles       = "files"       // the box cannot work with what it was given
)

// problem is an error with a code.
type problem struct {
	code string
	err  error
}

func (p *problem) Error() string { return p.err.Error() }
func (p *problem) Unwrap() error { return p.err }

// Code is one of the codes.
func (p *problem) Code() string { return p.code }

func refuse(code, format string, args ...any) error {
	return &problem{code, fmt.Errorf(format, args...)}
}

func (d *Desk) notReady() error {
	return refuse(CodeReady, "the card is not ready to keep anything: see diag, or wait until the box has started")
}

func (d *Desk) begin(q *Begin) (any, error) {
	now := d.now()
	h := d.box.About()
	switch s := d.open; {
	case q.By == "" || len(q.By) > maxBy:
		return nil, refuse(CodeAsked, "by: want 1 to %d octets", maxBy)
	case !h.Ready:
		return nil, d.notReady()
	case s != nil && s.by != q.By && now-s.seen < idle:
		return nil, refuse(CodeBusy, "%q is at it, and said something %d s ago: wait until he is done, or for a minute", s.by, (now-s.seen)/time.Second)
	}
	if d.locked(h) {
		if now < d.until {
			return nil, refuse(CodeWait, "refused a moment ago: wait %d s", (d.until-now+time.Second-1)/time.Second)
		}
		if err := d.prove(q); err != nil {
			d.wait = min(max(2*d.wait, time.Second), time.Minute)
			d.until = now + d.wait
			return nil, err
		}
	}
	d.wait = 0
	d.open = &session{token(), q.By, now, map[string]*file{}}
	return Session{d.open.id}, nil
}

// prove holds a technician's certificate against the challenge that hello gave. It is spent by that.
func (d *Desk) prove(q *Begin) error {
	if len(q.Chain) == 0 {
		return refuse(CodeLocked, "the box is in use: hold its button for three seconds, or show a technician's certificate")
	}
	nonce, given := d.nonce, d.nonced
	d.nonce = ""
	if nonce == "" || d.now()-given > nonceOK {
		return refuse(CodeCertificate, "the challenge is over: say hello again")
	}
	key, err := d.box.Trust(q.Chain)
	if err != nil {
		return refuse(CodeCertificate, "certificate: %w", err)
	}
	if !key.Verify(Challenge(nonce, q.By), q.Sig) {
		return refuse(CodeCertificate, "certificate: the signature is not its key's")
	}
	return nil
}

// in returns the session of an id.
func (d *Desk) in(id string) (*session, error) {
	if d.open == nil || d.open.id != id {
		return nil, refuse(CodeSession, "no such session: begin again")
	}
	d.open.seen = d.now()
	return d.open, nil
}

func (d *Desk) put(p *Put) (any, error) {
	s, err := d.in(p.Session)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(Names, p.Name) {
		return nil, refuse(CodeAsked, "%.40q is none of the files that a box takes", p.Name)
	}
	f := s.files[p.Name]
	if f == nil || f.size != p.Size {
		f = &file{size: p.Size}
	}
	switch at := len(f.data); {
	case p.Size < 1 || p.Size > maxFile:
		return nil, refuse(CodeAsked, "%s: %d octets, of 1 to %d", p.Name, p.Size, maxFile)
	case p.At < 0 || p.At > at:
		return nil, refuse(CodeSession, "%s: a piece is missing: %d octets are there", p.Name, at)
	case p.At+len(p.Data) > p.Size:
		return nil, refuse(CodeSession, "%s: longer than it was to be", p.Name)
	}
	s.files[p.Name] = f
	f.data = append(f.data[:p.At], p.Data...) // a piece that comes again may be another now
	return Have{len(f.data)}, nil
}

func (d *Desk) commit(c *Commit) (any, error) {
	if *c == d.done && c.Sum != "" {
		return struct{}{}, nil // the answer was lost
	}
	s, err := d.in(c.Session)
	if err != nil {
		return nil, err
	}
	files, err := s.whole()
	if err != nil {
		return nil, err
	}
	sum, err := Sum(files)
	if err != nil {
		return nil, err
	}
	if sum != c.Sum {
		d.open = nil
		return nil, refuse(CodeSession, "the files are not those that were meant: begin again")
	}
	if !d.box.About().Ready {
		return nil, d.notReady()
	}
	if err := d.box.Check(files); err != nil {
		return nil, refuse(CodeFiles, "%w", err)
	}
	if err := d.box.Keep(files); err != nil {
		return nil, refuse(CodeReady, "%w", err)
	}
	d.open, d.done, d.doneAt = nil, *c, d.now()
	return struct{}{}, nil
}

// label tells the label to who may give the box its files, and to nobody else: with its code one sets the PIN of the owner's page.
func (d *Desk) label(q *Ask) (any, error) {
	h := d.box.About()
	just := d.done.Session != "" && q.Session == d.done.Session && d.now()-d.doneAt < after
	if d.locked(h) && !just {
		if _, err := d.in(q.Session); err != nil {
			return nil, refuse(CodeLocked, "the label is told in a session, or while somebody holds the button: begin one")
		}
	}
	l, err := d.box.Label()
	if err != nil {
		return nil, refuse(CodeLabel, "the label is not ready: %w", err)
	}
	return l, nil
}

// whole returns the files in the order of Names, if each is there to its end.
func (s *session) whole() (files []provision.File, err error) {
	for _, n := range Names {
		f, ok := s.files[n]
		if !ok {
			continue
		}
		if len(f.data) != f.size {
			return nil, refuse(CodeSession, "%s: %d octets of %d are there", n, len(f.data), f.size)
		}
		files = append(files, provision.File{Name: n, Data: f.data})
	}
	if len(files) == 0 {
		return nil, refuse(CodeAsked, "nothing was given")
	}
	return files, nil
}

// Sum returns what Commit names the files by. They are taken in the order of Names.
func Sum(files []provision.File) (string, error) {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b provision.File) int { return slices.Index(Names, a.Name) - slices.Index(Names, b.Name) })
	b, err := provision.Encode(sorted)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
