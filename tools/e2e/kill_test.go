package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"cafeprobe/uplink"
)

const (
	lives  = 20          // that are killed -9
	replay = time.Second // what one takes at least, so that kills fall into it
)

// TestKilled: the daemon is killed -9 twenty times at random moments and started again. At the end the province holds
// every record of the spool once, in order, and they tell what a run tells that nobody disturbed.
func TestKilled(t *testing.T) {
	const hours = 6
	file := evening(t, 24, hours)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)

	p := newSite(t, t.TempDir(), "")
	quiet := newBox(t, p, file, hours*3600/replay.Seconds())
	quiet.whole(t, io.Discard, t.Output())
	want := told(quiet.spooled(t))
	t.Logf("undisturbed: %d records", bytes.Count([]byte(want), []byte("\n")))

	for name, url := range map[string]func() string{
		"embedded":  func() string { return "" },
		"mosquitto": func() string { return mosquitto(t).url() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newSite(t, t.TempDir(), url())
			id := quiet.id
			id.ProvinceKey = p.PublicKey()
			killAndCompare(t, p, p.box(t, id, file, hours*3600/replay.Seconds()), rand.New(rand.NewPCG(seed, 0)), want)
		})
	}
}

func killAndCompare(t *testing.T, p *site, b *box, random *rand.Rand, want string) {
	// A replay begins anew each time and passes over what was told: later moments, one after the other, hit new records.
	moments := make([]time.Duration, lives)
	for i := range moments {
		moments[i] = time.Duration(random.Int64N(int64(replay * 3 / 4)))
	}
	slices.Sort(moments)
	kills := 0
	for i, after := range moments {
		m := moment{after, false}
		if i%4 == 3 { // while it opens its spool, or says hello
			m = moment{after / 8, true}
		}
		if _, killed := b.live(t, m, io.Discard, t.Output()); killed {
			kills++
		}
	}
	if kills < lives*3/4 {
		t.Errorf("killed %d of %d lives, the others came to their end, want nearly all", kills, lives)
	}
	last := b.whole(t, io.Discard, t.Output())
	p.stop()
	spooled := b.spooled(t)
	if got := told(spooled); got != want {
		t.Errorf("the records told differ from the undisturbed run's: got\n%.2000s\nwant\n%.2000s", got, want)
	}
	if uint64(len(spooled)) != last.Records {
		t.Errorf("%d records in the spool, the daemon said %d", len(spooled), last.Records)
	}
	sameInStore(t, p, spooled)
	boots := spooled[len(spooled)-1].Boot
	t.Logf("killed %d times, %d records of %d boots, collector %+v", kills, len(spooled), boots, p.Stats())
}

// sameInStore compares the province's database, read as a person would, with the spool.
func sameInStore(t *testing.T, p *site, want []uplink.Stored) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(p.dir, "province.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var head, stored, verified, forks, gaps, alarms int
	err = db.QueryRowContext(context.Background(), `SELECT head, stored, verified, forks, (SELECT COUNT(*) FROM gaps),
		(SELECT COUNT(*) FROM alarms WHERE what IN ('fork', 'lost', 'key')) FROM chains`).
		Scan(&head, &stored, &verified, &forks, &gaps, &alarms)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(want); head != n || stored != n || verified != n || forks != 0 || gaps != 0 || alarms != 0 {
		t.Errorf("head %d, stored %d, verified %d, forks %d, gaps %d, alarms %d, want %d %d %d 0 0 0", head, stored, verified,
			forks, gaps, alarms, n, n, n)
	}
	rows, err := db.QueryContext(context.Background(), `SELECT seq, boot, hash, body FROM records ORDER BY seq, id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	i := 0
	for ; rows.Next(); i++ {
		var seq, boot uint64
		var hash, body []byte
		if err := rows.Scan(&seq, &boot, &hash, &body); err != nil {
			t.Fatal(err)
		}
		if i >= len(want) {
			continue // counted below
		}
		w := want[i]
		if seq != w.Seq || boot != w.Boot || !bytes.Equal(hash, w.Hash[:]) || !bytes.Equal(body, w.Raw) {
			t.Errorf("row %d: record %d of boot %d, %s, want %d of %d, %s", i, seq, boot, body, w.Seq, w.Boot, w.Raw)
		}
	}
	if err := rows.Err(); err != nil || i != len(want) {
		t.Errorf("%d rows, %v, want %d", i, err, len(want))
	}
}
