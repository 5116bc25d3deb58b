package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"cafeprobe/uplink"
)

// sameInStore compares the database of the province in dir with what a box's spool holds.
func sameInStore(t *testing.T, dir string, want []uplink.Stored) {
	t.Helper()
	list, err := differences(dir, want)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range list {
		if i == 20 {
			t.Errorf("and %d more", len(list)-i)
			break
		}
		t.Error(d)
	}
}

// openStore opens the database of the province in dir as a person would.
func openStore(dir string) (*sql.DB, error) {
	return sql.Open("sqlite", filepath.Join(dir, "province.db")+"?_pragma=busy_timeout(5000)")
}

// differences returns in what the database of the province in dir, which has one chain, is not want: nothing lost, doubled,
// altered or out of order, and the books agree.
func differences(dir string, want []uplink.Stored) (list []string, err error) {
	db, err := openStore(dir)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var head, stored, verified, forks, gaps, ahead, alarms int
	err = db.QueryRowContext(context.Background(), `SELECT head, stored, verified, forks, (SELECT COUNT(*) FROM gaps),
		(SELECT COUNT(*) FROM ahead), (SELECT COUNT(*) FROM alarms WHERE what IN ('fork', 'lost', 'key', 'checkpoint')) FROM chains`).
		Scan(&head, &stored, &verified, &forks, &gaps, &ahead, &alarms)
	if err != nil {
		return nil, err
	}
	n := len(want)
	last := 0 // numbers may have been passed over
	if n > 0 {
		last = int(want[n-1].Seq)
	}
	if head != last || stored != n || verified != n || forks != 0 || gaps != 0 || ahead != 0 || alarms != 0 {
		list = append(list, fmt.Sprintf("head %d, stored %d, verified %d, forks %d, gaps %d, ahead %d, alarms %d, want %d %d %d 0 0 0 0",
			head, stored, verified, forks, gaps, ahead, alarms, last, n, n))
	}
	rows, err := db.QueryContext(context.Background(), `SELECT seq, boot, hash, body FROM records ORDER BY seq, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	i := 0
	for ; rows.Next(); i++ {
		var seq, boot uint64
		var hash, body []byte
		if err := rows.Scan(&seq, &boot, &hash, &body); err != nil {
			return nil, err
		}
		if i >= len(want) {
			continue // counted below
		}
		w := want[i]
		if seq != w.Seq || boot != w.Boot || !bytes.Equal(hash, w.Hash[:]) || !bytes.Equal(body, w.Raw) {
			list = append(list, fmt.Sprintf("row %d: record %d of boot %d, %s, want %d of %d, %s", i, seq, boot, body, w.Seq, w.Boot, w.Raw))
		}
	}
	if i != len(want) {
		list = append(list, fmt.Sprintf("%d rows, want %d", i, len(want)))
	}
	return list, rows.Err()
}

// TestDifferences: a record that is lost, doubled, altered, moved or not accounted for is found, and nothing where all is well.
func TestDifferences(t *testing.T) {
	p := newSite(t, t.TempDir(), "")
	sp, _ := forwarder(t, p)
	fill(t, sp, 50)
	drain(t, sp)
	p.stop()
	want, err := sp.Read(1, 1<<20, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	sameInStore(t, p.dir, want)
	f := func(name string, statements ...string) {
		t.Helper()
		db, err := openStore(p.dir)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		_, err = db.ExecContext(t.Context(), `VACUUM INTO ?`, filepath.Join(dir, "province.db"))
		if err != nil {
			t.Fatal(err)
		}
		db.Close()
		if db, err = openStore(dir); err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		db.Close()
		list, err := differences(dir, want)
		if err != nil || (len(list) > 0) != (len(statements) > 0) {
			t.Errorf("%s: %d differences %.300q, %v", name, len(list), list, err)
		}
	}
	f("a copy")
	f("lost", `DELETE FROM records WHERE seq = 17`)
	f("the last lost", `DELETE FROM records WHERE seq = 50`)
	// The store's own constraint does not let a number in twice.
	f("doubled", `ALTER TABLE records RENAME TO once`, `CREATE TABLE records AS SELECT * FROM once`,
		`INSERT INTO records SELECT * FROM once WHERE seq = 50`)
	f("altered", `UPDATE records SET body = replace(body, '"A"', '"C"') WHERE seq = 17`)
	f("another hash", `UPDATE records SET hash = zeroblob(32) WHERE seq = 17`)
	f("another boot", `UPDATE records SET boot = 9 WHERE seq = 17`)
	f("moved", `UPDATE records SET seq = -17 WHERE seq = 17`, `UPDATE records SET seq = 17 WHERE seq = 18`,
		`UPDATE records SET seq = 18 WHERE seq = -17`)
	f("not linked", `UPDATE chains SET verified = verified - 1`)
	f("a gap left open", `INSERT INTO gaps (cid, first, last, opened) VALUES (1, 60, 61, 1)`)
}
