// Package store keeps what the boxes of a province sent: SQLite in WAL mode, one writer, any number of readers.
//
// synchronous is FULL: a receipt allows a box to delete its only other copy, so a record must have reached the disk, not
// only the kernel, before its receipt is signed. Group commit pays for that: transactions that wait together share one
// flush.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// ErrClosed is returned by Update after Close.
var ErrClosed = errors.New("store: closed")

// maxGroup bounds how many transactions share one commit, and so what a crash makes the boxes send again.
const maxGroup = 256

// Store is the province's database. Its methods are safe for concurrent use.
type Store struct {
	path string
	read *sql.DB
	db   *sql.DB
	conn *sql.Conn // the only connection that writes

	mu     sync.RWMutex // held to send on work, so that Close never closes it under a sender
	closed bool
	work   chan *request
	done   chan struct{}
}

type request struct {
	fn   func(*Tx) error
	err  error
	done chan struct{}
}

// Open opens or creates the database at path and brings its schema up to date.
func Open(path string) (*Store, error) {
	s := &Store{path: path, work: make(chan *request, maxGroup), done: make(chan struct{})}
	tx, err := s.open()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), s.closeFiles())
	}
	go s.write(tx)
	return s, nil
}

func (s *Store) open() (*Tx, error) {
	ctx := context.Background()
	var err error
	if s.db, err = sql.Open("sqlite", dsn(s.path, "")); err != nil {
		return nil, err
	}
	s.db.SetMaxOpenConns(1)
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return nil, err
	}
	if err := migrate(ctx, s.conn); err != nil {
		return nil, err
	}
	if s.read, err = sql.Open("sqlite", dsn(s.path, "query_only(1)")); err != nil {
		return nil, err
	}
	s.read.SetMaxOpenConns(4)
	return prepare(ctx, s.conn)
}

// dsn names the file so that no character of path is taken for a parameter.
func dsn(path, pragma string) string {
	q := url.Values{"_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "trusted_schema(0)",
	}}
	if pragma != "" {
		q.Add("_pragma", pragma)
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}

// Update runs fn in a transaction and returns after it is on disk. fn runs alone, on the writer's goroutine, and must
// not keep tx. If fn returns an error its changes are undone and Update returns that error; the other transactions of
// the same group are kept.
func (s *Store) Update(fn func(tx *Tx) error) error {
	r := &request{fn: fn, done: make(chan struct{})}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return ErrClosed
	}
	s.work <- r
	s.mu.RUnlock()
	<-r.done
	return r.err
}

// write is the writer's goroutine: it takes what waits, up to maxGroup, and commits it at once.
func (s *Store) write(tx *Tx) {
	defer close(s.done)
	group := make([]*request, 0, maxGroup)
	for r := range s.work {
		group = append(group[:0], r)
	wait:
		for len(group) < maxGroup {
			select {
			case r, ok := <-s.work:
				if !ok {
					break wait
				}
				group = append(group, r)
			default:
				break wait
			}
		}
		if err := tx.commit(group); err != nil {
			for _, r := range group {
				r.err = fmt.Errorf("commit to %s: %w", s.path, err)
			}
		}
		for _, r := range group {
			close(r.done)
		}
	}
}

// Close waits for the transactions under way and closes the files. Update returns ErrClosed from then on.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.work)
	s.mu.Unlock()
	<-s.done
	return s.closeFiles()
}

func (s *Store) closeFiles() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(errs...)
}
