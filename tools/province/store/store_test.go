package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cafeprobe/tools/province/store"
)

var now = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// raw opens the file beside the store, as somebody with sqlite3 would.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// begin makes a box with a chain.
func begin(tx *store.Tx, box string) (store.Chain, error) {
	if err := tx.Heard(box, "a", now); err != nil {
		return store.Chain{}, err
	}
	return tx.NewChain(box, "k3v9Qd2x", make([]byte, 32), make([]byte, 32), now)
}

func record(seq uint64, body string) store.Record {
	return store.Record{Seq: seq, Hash: make([]byte, 32), Boot: 1, Body: []byte(body)}
}

func TestOpenMakesTheSchemaOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	for range 2 {
		s, err := store.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if total, err := s.Totals(t.Context()); err != nil || total != (store.Totals{}) {
			t.Errorf("totals of a new store %+v, %v, want none", total, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var versions, newest int
	err := raw(t, path).QueryRow(`SELECT COUNT(*), MAX(version) FROM migrations`).Scan(&versions, &newest)
	if err != nil || versions != newest {
		t.Errorf("%d migrations applied, newest %d, %v, want each once", versions, newest, err)
	}
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := raw(t, path).Exec(`INSERT INTO migrations VALUES (999, 0)`); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(path)
	if err == nil {
		s.Close()
		t.Fatal("a schema of a newer program was opened")
	}
	if !strings.Contains(err.Error(), "999") || !strings.Contains(err.Error(), "newer") {
		t.Errorf("error %v, want one that says that version 999 is newer", err)
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := store.Open(path); err == nil {
		s.Close()
		t.Error("a text file was opened as a store")
	}
}

// TestOpenTakesThePathAsItIs: no character of a path is a parameter, an escape or the start of a fragment.
func TestOpenTakesThePathAsItIs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a?mode=memory", "b%20c", "d#e", "Hà Giang & co", "f;g", "_pragma=x"} {
		path := filepath.Join(dir, name, "p?x=1&y#.db")
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := open(t, path).Update(func(tx *store.Tx) error { return tx.Heard("b-00000001", "a", now) }); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, want a file of that very name", path, err)
		}
	}
}

// TestUpdateUndoesOneAlone: transactions share a commit, but not their errors.
func TestUpdateUndoesOneAlone(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "p.db"))
	oops := errors.New("oops")
	const n = 200
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			errs[i] = s.Update(func(tx *store.Tx) error {
				if err := tx.Heard(fmt.Sprintf("b-%08x", i), "a", now); err != nil || i%3 != 0 {
					return err
				}
				return oops
			})
		})
	}
	wg.Wait()
	kept := map[string]bool{}
	boxes, err := s.Boxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boxes {
		kept[b.Box] = true
	}
	for i, err := range errs {
		failed, want := err != nil, i%3 == 0
		if failed != want || (failed && !errors.Is(err, oops)) || kept[fmt.Sprintf("b-%08x", i)] == want {
			t.Errorf("transaction %d: %v, kept %v, want error %v", i, err, !want, want)
		}
	}
}

// TestUpdateAfterSQLFailed: a statement that fails inside one function leaves the writer in order.
func TestUpdateAfterSQLFailed(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "p.db"))
	err := s.Update(func(tx *store.Tx) error {
		c, err := begin(tx, "b-00000001")
		if err != nil {
			return err
		}
		return tx.Insert(c, []store.Record{record(1, `{}`), record(1, `{}`)}, now)
	})
	if err == nil || !strings.Contains(err.Error(), "insert record 1") {
		t.Errorf("the same number twice: %v, want an error that names it", err)
	}
	if err := s.Update(func(tx *store.Tx) error { _, err := begin(tx, "b-00000002"); return err }); err != nil {
		t.Errorf("the transaction after it: %v", err)
	}
	if total, err := s.Totals(t.Context()); err != nil || total.Boxes != 1 || total.Chains != 1 {
		t.Errorf("totals %+v, %v, want one box and one chain", total, err)
	}
}

func TestUpdateAfterClose(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "p.db"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("error %v, want %v", err, store.ErrClosed)
	}
}

// TestGeneratedColumns: what people filter by is what the text says, and a text that SQLite does not read hides nothing.
func TestGeneratedColumns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	s := open(t, path)
	err := s.Update(func(tx *store.Tx) error {
		c, err := begin(tx, "b-00000001")
		if err != nil {
			return err
		}
		return tx.Insert(c, []store.Record{
			record(1, `{"k":"open","st":"u3mJq0yZcRE","m":8123456,"t":1795000000123,"tq":"sync","c":86}`),
			record(2, `{"k":"blind","m":1500,"t":null,"tq":"none"}`),
			record(3, `{"k":"open", no JSON`),
		}, now)
	})
	if err != nil {
		t.Fatal(err)
	}
	f := func(seq int, want string) {
		t.Helper()
		var kind, station, at, mono sql.NullString
		var body string
		err := raw(t, path).QueryRow(`SELECT kind, station, t, mono, body FROM record WHERE seq = ?`, seq).
			Scan(&kind, &station, &at, &mono, &body)
		if got := fmt.Sprintf("%s|%s|%s|%s", kind.String, station.String, at.String, mono.String); err != nil || got != want {
			t.Errorf("record %d, %s: %s, %v, want %s", seq, body, got, err, want)
		}
	}
	f(1, "open|u3mJq0yZcRE|1795000000123|8123456")
	f(2, "blind|||1500")
	f(3, "|||")
}

// TestKill kills a process that commits in a loop, again and again: what it said was committed is there.
func TestKill(t *testing.T) {
	if path := os.Getenv("STORE_TEST_COMMIT"); path != "" {
		commitForEver(path)
	}
	path := filepath.Join(t.TempDir(), "p.db")
	var said, after uint64
	for life := range 5 {
		said = max(said, oneLife(t, path, time.Duration(40+60*life)*time.Millisecond))
		s, err := store.Open(path)
		if err != nil {
			t.Fatalf("life %d: %v", life, err)
		}
		total, err := s.Totals(t.Context())
		if err != nil || total.Stored < said || total.Stored != total.Verified {
			t.Fatalf("life %d: %+v, %v, want the %d records that were acknowledged", life, total, err, said)
		}
		lines, err := s.Newest(t.Context(), int(total.Stored)+1)
		if err != nil || uint64(len(lines)) != total.Stored || lines[0].Seq != total.Stored {
			t.Fatalf("life %d: %d records, %v, want %d: a transaction is there wholly or not at all", life, len(lines), err, total.Stored)
		}
		after = total.Stored
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if said == 0 {
		t.Error("no life committed anything")
	}
	t.Logf("%d records acknowledged, %d there", said, after)
}

// oneLife lets a child commit, kills it d after its first commit, and returns the last record it acknowledged.
func oneLife(t *testing.T, path string, d time.Duration) (last uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), "STORE_TEST_COMMIT="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var dead *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Errorf("the child says %q", lines.Text())
			continue
		}
		last = n
		if dead == nil {
			dead = time.AfterFunc(d, func() { cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	return last
}

// commitForEver stores one record a transaction and says so after each commit.
func commitForEver(path string) {
	s, err := store.Open(path)
	for err == nil {
		var c store.Chain
		err = s.Update(func(tx *store.Tx) (err error) {
			var ok bool
			if c, ok, err = tx.Chain("b-00000001", "k3v9Qd2x"); err == nil && !ok {
				c, err = begin(tx, "b-00000001")
			}
			if err != nil {
				return err
			}
			c.Head++
			c.Stored, c.Verified = c.Head, c.Head
			return errors.Join(tx.Insert(c, []store.Record{record(c.Head, `{"k":"x"}`)}, now), tx.SetChain(c))
		})
		if err == nil {
			fmt.Println(c.Head)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
