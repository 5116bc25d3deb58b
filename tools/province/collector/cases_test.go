package collector_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cafeprobe/tools/province"
	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/live"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
	"cafeprobe/uplink/export"
)

// rig is a collector with its store, and a clock that a test moves.
type rig struct {
	t    *testing.T
	path string
	s    *store.Store
	c    *collector.Collector
	now  time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "p.db"), now: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)}
	r.s, r.c = open(t, r.path)
	t.Cleanup(func() { r.s.Close() })
	return r
}

var genesis = uplink.Head{Hash: uplink.Genesis(chain, public(1))}

// greeting is an honest hello of an empty chain, changed by change.
func greeting(t testing.TB, change func(h *uplink.Hello)) collector.Message {
	t.Helper()
	h := uplink.Hello{V: 1, Chain: chain, First: 1, Hash: genesis.Hash, Boot: 41, Conn: 1, Key: uplink.Key(public(1))}
	if change != nil {
		change(&h)
	}
	p, err := uplink.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	return collector.Message{Topic: at.Topic(uplink.UpHello), Payload: p}
}

// run returns batches of one record each, the chain's first n, and the heads behind them; heads[0] is the genesis.
func (r *rig) run(n int) (ms []collector.Message, heads []uplink.Head) {
	h := genesis
	heads = append(heads, h)
	for i := range n {
		var m collector.Message
		m, h = batch(r.t, h, uplink.Int(i%100))
		ms, heads = append(ms, m), append(heads, h)
	}
	return ms, heads
}

// takes hands m in and wants a receipt for want.
func (r *rig) takes(what string, m collector.Message, want uplink.Head) {
	r.t.Helper()
	out, err := r.c.Handle(r.now, m)
	if err != nil || len(out) != 1 {
		r.t.Fatalf("%s: %d answers, %v, want one receipt", what, len(out), err)
	}
	got, err := uplink.Parse[uplink.Receipt](out[0].Payload)
	if err != nil || got.Verify(public(2), at) != nil || got.Head() != want || out[0].Topic != at.Topic(uplink.DownReceipt) || !out[0].Retain {
		r.t.Fatalf("%s: receipt on %s for %d, %v, want a retained one for %d", what, out[0].Topic, got.Seq, err, want.Seq)
	}
}

// refuses hands m in and wants it refused, and the chain as it was.
func (r *rig) refuses(what string, m collector.Message) {
	r.t.Helper()
	before := r.c.Stats()
	out, err := r.c.Handle(r.now, m)
	if !errors.Is(err, collector.ErrRefused) || len(out) != 0 {
		r.t.Errorf("%s: %d answers, %v, want %v", what, len(out), err, collector.ErrRefused)
	}
	if after := r.c.Stats(); after.Refused != before.Refused+1 || after.Records != before.Records {
		r.t.Errorf("%s: counters %+v after %+v, want one refusal more and no record", what, after, before)
	}
}

// history returns the chain's alarms as what:first-last.
func (r *rig) history() []string {
	r.t.Helper()
	return r.column(`SELECT what || ':' || first || '-' || last FROM alarms ORDER BY id`)
}

// column reads the file beside the store, as somebody with sqlite3 would.
func (r *rig) column(query string) (list []string) {
	r.t.Helper()
	db, err := sql.Open("sqlite", "file:"+r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			r.t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

func (r *rig) box() store.Box {
	r.t.Helper()
	boxes, err := r.s.Boxes(r.t.Context())
	if err != nil || len(boxes) != 1 {
		r.t.Fatalf("boxes %v, %v, want one", boxes, err)
	}
	return boxes[0]
}

func (r *rig) alarms(want ...string) {
	r.t.Helper()
	if got := r.history(); !slices.Equal(got, want) {
		r.t.Errorf("alarms %v, want %v", got, want)
	}
}

// TestReceiptOnlyAfterCommit: what is receipted is in the file, for another reader too; where the store does not take
// it, there is no receipt and the error is not a refusal, so that the message is not acknowledged.
func TestReceiptOnlyAfterCommit(t *testing.T) {
	r := newRig(t)
	ms, heads := r.run(3)
	r.takes("hello", greeting(t, nil), genesis)
	for i, m := range ms[:2] {
		r.takes("records", m, heads[i+1])
		if got, want := r.column(`SELECT count(*) FROM records`), fmt.Sprint(i+1); got[0] != want {
			t.Errorf("%s records in the file after receipt %d, want %s", got[0], i+1, want)
		}
	}
	if err := r.s.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := r.c.Handle(r.now, ms[2])
	if !errors.Is(err, store.ErrClosed) || errors.Is(err, collector.ErrRefused) || len(out) != 0 {
		t.Errorf("with the store closed: %d answers, %v, want %v", len(out), err, store.ErrClosed)
	}
	if st := r.c.Stats(); st.Records != 2 || st.Receipts != 3 {
		t.Errorf("counters %+v, want 2 records and 3 receipts", st)
	}
}

func TestDuplicates(t *testing.T) {
	r := newRig(t)
	ms, heads := r.run(4)
	r.takes("hello", greeting(t, nil), genesis)
	for range 3 {
		for i, m := range ms {
			r.takes("records", m, heads[max(i+1, int(r.c.Stats().Records))])
		}
	}
	both, end := batch(t, heads[2], 2, 3, 50)
	r.takes("two known, one new", both, end)
	if st := r.c.Stats(); st.Records != 5 || st.Duplicates != 10 || st.Forks != 0 {
		t.Errorf("counters %+v, want 5 records, 10 duplicates, no fork", st)
	}
	r.alarms()
}

// TestForkKeepsBoth: the branch that came first stays the chain, the other is kept beside it, once, with one alarm.
func TestForkKeepsBoth(t *testing.T) {
	r := newRig(t)
	ms, heads := r.run(4)
	r.takes("hello", greeting(t, nil), genesis)
	for i, m := range ms {
		r.takes("records", m, heads[i+1])
	}
	other, end := batch(t, heads[2], 90, 91, 92) // leaves at 3, and is longer
	for range 2 {
		r.takes("the other branch", other, heads[4])
	}
	more, _ := batch(t, end, 93)
	r.takes("what follows the other branch", more, heads[4])
	if got, want := r.column(`SELECT seq FROM forks ORDER BY seq`), []string{"3", "4", "5"}; !slices.Equal(got[:3], want) {
		t.Errorf("kept beside the chain: %v, want %v and on", got, want)
	}
	if got := r.column(`SELECT count(*) FROM records WHERE seq <= 4`); got[0] != "4" {
		t.Errorf("%s records of the first branch, want 4", got[0])
	}
	if h := r.history(); len(h) == 0 || h[0] != "fork:3-5" {
		t.Errorf("alarms %v, want fork:3-5 first", h)
	}
	if b := r.box(); b.Forks == 0 || b.Verified != 4 {
		t.Errorf("box %+v, want forks shown and 4 verified", b)
	}
}

// TestHelloOfAnotherBranch: a cloned or restored card shows itself before it sends a record.
func TestHelloOfAnotherBranch(t *testing.T) {
	r := newRig(t)
	ms, heads := r.run(2)
	r.takes("hello", greeting(t, nil), genesis)
	r.takes("record", ms[0], heads[1])
	r.takes("record", ms[1], heads[2])
	r.takes("hello of a clone", greeting(t, func(h *uplink.Hello) { h.Head, h.Hash = 2, uplink.Hash{9} }), heads[2])
	r.alarms("fork:2-2")
}

// TestGap: it is opened, asked for after 30 s and again 30 s later, and closed by what was missing.
func TestGap(t *testing.T) {
	r := newRig(t)
	ms, heads := r.run(6)
	r.takes("hello", greeting(t, nil), genesis)
	r.takes("1", ms[0], heads[1])
	r.takes("4", ms[3], heads[1])
	if b := r.box(); b.Gaps != 2 || b.Lost != 0 {
		t.Errorf("%d missing, %d lost, want 2 and 0", b.Gaps, b.Lost)
	}
	f := func(after time.Duration, want ...string) {
		t.Helper()
		var got []string
		out, err := r.c.Tick(r.now.Add(after))
		for _, m := range out {
			w, err := uplink.Parse[uplink.Want](m.Payload)
			if err != nil || m.Topic != at.Topic(uplink.DownWant) || m.Retain {
				t.Errorf("%s %s: %v, want an unretained want of the box", m.Topic, m.Payload, err)
			}
			got = append(got, fmt.Sprintf("%s %d-%d", w.Chain, w.From, w.To))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("after %v: %v, %v, want %v", after, got, err, want)
		}
	}
	f(30*time.Second - time.Millisecond)
	f(30*time.Second, "k3v9Qd2x 2-3")
	f(59 * time.Second)
	f(60*time.Second, "k3v9Qd2x 2-3")
	r.takes("3", ms[2], heads[1])
	f(90*time.Second, "k3v9Qd2x 2-2")
	r.takes("2", ms[1], heads[4])
	f(time.Hour)
	if b := r.box(); b.Gaps != 0 || b.Verified != 4 {
		t.Errorf("%d missing, %d verified, want 0 and 4", b.Gaps, b.Verified)
	}
	if h := r.history(); h[0] != "gap:2-3" || !strings.HasPrefix(h[len(h)-1], "filled:2") {
		t.Errorf("alarms %v, want gap:2-3 first and filled:2… last", h)
	}
}

// TestAnyOrder: whatever the order in which runs arrive, the chain comes out whole.
func TestAnyOrder(t *testing.T) {
	for _, order := range [][]int{{4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}, {0, 4, 3, 1, 2}, {1, 3, 0, 2, 4}} {
		r := newRig(t)
		ms, heads := r.run(5)
		r.takes("hello", greeting(t, nil), genesis)
		have := map[int]bool{}
		for _, i := range order {
			have[i] = true
			n := 0
			for have[n] {
				n++
			}
			r.takes(fmt.Sprintf("order %v: record %d", order, i+1), ms[i], heads[n])
		}
		if b := r.box(); b.Verified != 5 || b.Gaps+b.Lost+b.Forks != 0 || len(r.column(`SELECT first FROM ahead`)) != 0 {
			t.Errorf("order %v: %+v, want 5 verified and nothing missing or waiting", order, b)
		}
	}
}

// TestLostByHello: the box says that it has nothing before 5 any more. The chain goes on, the loss stays on show, and
// nobody is asked for what is gone.
func TestLostByHello(t *testing.T) {
	r := newRig(t)
	ms, heads := r.run(6)
	r.takes("hello", greeting(t, nil), genesis)
	r.takes("1", ms[0], heads[1])
	r.takes("5 without 2 to 4", ms[4], heads[1])
	first := greeting(t, func(h *uplink.Hello) { h.First, h.Head, h.Hash = 5, 6, heads[6].Hash })
	r.takes("hello of what is left", first, heads[5])
	r.takes("6", ms[5], heads[6])
	if b := r.box(); b.Lost != 3 || b.Gaps != 0 || b.Verified != 3 {
		t.Errorf("%d lost, %d missing, %d verified, want 3, 0, 3", b.Lost, b.Gaps, b.Verified)
	}
	if out, err := r.c.Tick(r.now.Add(time.Hour)); err != nil || len(out) != 0 {
		t.Errorf("%d wants, %v, want none for what is lost", len(out), err)
	}
	r.alarms("gap:2-4", "lost:2-4")
}

// TestLostByGapRecord: the card lost 2 to 4; record 5 says so and hashes over record 1, so the loss is proven.
func TestLostByGapRecord(t *testing.T) {
	r := newRig(t)
	ms, heads := r.run(1)
	r.takes("hello", greeting(t, nil), genesis)
	r.takes("1", ms[0], heads[1])
	g, err := uplink.Encode(&uplink.Gap{Stamp: uplink.Stamp{Quality: uplink.QualityNone}, From: 2, To: 4, Count: 3, Why: "corrupt"})
	if err != nil {
		t.Fatal(err)
	}
	b := &uplink.Batch{Box: at.Box, Chain: chain, Boot: 41, From: 5, Prev: heads[1].Hash, Recs: []uplink.Record{g}}
	end := b.Start().Next(41, g)
	b.Head = end.Hash
	p, err := b.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	r.takes("the gap record", collector.Message{Topic: at.Topic(uplink.UpRecords), Payload: p}, end)
	next, six := batch(t, end, 7)
	r.takes("what follows", next, six)
	if b := r.box(); b.Lost != 3 || b.Gaps != 0 || b.Verified != 3 {
		t.Errorf("%d lost, %d missing, %d verified, want 3, 0, 3", b.Lost, b.Gaps, b.Verified)
	}
	r.alarms("lost:2-4")
}

// TestPassedOver: after a power cut the box did not use 2 to 4. Nothing is lost, nothing is asked for, and the record says
// what happened; where the province holds one of these numbers, the box has lost it.
func TestPassedOver(t *testing.T) {
	f := func(name string, to uplink.Int, holds int, prev int, lost uint64, alarms ...string) {
		t.Helper()
		r := newRig(t)
		ms, heads := r.run(3)
		r.takes("hello", greeting(t, nil), genesis)
		for i := range holds {
			r.takes("before the cut", ms[i], heads[i+1])
		}
		g, err := uplink.Encode(&uplink.Gap{Stamp: uplink.Stamp{Quality: uplink.QualityNone}, From: 2, To: to, Why: uplink.GapCut})
		if err != nil {
			t.Fatal(err)
		}
		b := &uplink.Batch{Box: at.Box, Chain: chain, Boot: 42, From: uint64(to) + 1, Prev: heads[prev].Hash, Recs: []uplink.Record{g}}
		end := b.Start().Next(42, g)
		b.Head = end.Hash
		p, err := b.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		want := end
		if holds != prev {
			want = heads[holds]
		}
		r.takes(name, collector.Message{Topic: at.Topic(uplink.UpRecords), Payload: p}, want)
		if b := r.box(); b.Lost != 0 || b.Gaps != lost {
			t.Errorf("%s: %d lost, %d missing, want 0 and %d", name, b.Lost, b.Gaps, lost)
		}
		out, err := r.c.Tick(r.now.Add(time.Hour))
		if err != nil || (len(out) > 0) != (lost > 0) {
			t.Errorf("%s: %d wants, %v, want some only for what is missing", name, len(out), err)
		}
		r.alarms(alarms...)
	}
	f("nothing lost", 4, 1, 1, 0)
	f("2 and 3 are here, and the card went back behind them", 4, 3, 1, 1, "gap:4-4")
	f("power that came and went for a hundred starts", 100*4096, 1, 1, 0)
}

// TestRefused: none of it is kept, and the chain is where it was.
func TestRefused(t *testing.T) {
	r := newRig(t)
	ms, heads := r.run(3)
	r.refuses("records before a hello", ms[0])
	r.takes("hello", greeting(t, nil), genesis)
	r.takes("1", ms[0], heads[1])

	other := uplink.Address{Province: at.Province, Box: "b-00000001"}
	r.refuses("records on another box's topic", collector.Message{Topic: other.Topic(uplink.UpRecords), Payload: ms[1].Payload})
	far := uplink.Address{Province: "can-tho", Box: at.Box}
	r.refuses("another province", collector.Message{Topic: far.Topic(uplink.UpRecords), Payload: ms[1].Payload})
	r.refuses("another shard", collector.Message{
		Topic: strings.Replace(ms[1].Topic, "/"+at.Box.Shard()+"/", "/"+other.Box.Shard()+"/", 1), Payload: ms[1].Payload,
	})
	for _, leaf := range []uplink.Leaf{uplink.DownReceipt, uplink.DownWant, uplink.UpCheckpoint, "up/none"} {
		r.refuses(string(leaf), collector.Message{Topic: at.Topic(leaf), Payload: ms[1].Payload})
	}
	r.refuses("no topic of ours", collector.Message{Topic: "$SYS/broker", Payload: ms[1].Payload})

	broken := []byte(strings.Replace(string(ms[1].Payload), `"c":1`, `"c":2`, 1))
	r.refuses("broken chain", collector.Message{Topic: ms[1].Topic, Payload: broken})
	r.refuses("octets cut off", collector.Message{Topic: ms[1].Topic, Payload: ms[1].Payload[:100]})
	r.refuses("too large", collector.Message{Topic: ms[1].Topic, Payload: append(ms[1].Payload, make([]byte, uplink.MaxMessage)...)})
	r.refuses("empty", collector.Message{Topic: ms[1].Topic})
	r.refuses("empty hello", collector.Message{Topic: at.Topic(uplink.UpHello)})
	r.refuses("empty state", collector.Message{Topic: at.Topic(uplink.UpState)})
	r.refuses("empty occ", collector.Message{Topic: at.Topic(uplink.UpOcc), Payload: []byte(`{"v":1}`)})

	r.refuses("another key", greeting(t, func(h *uplink.Hello) { h.Key = uplink.Key(public(3)) }))
	r.alarms("key:0-0")
	r.takes("2, as if nothing had been", ms[1], heads[2])
}

// TestLimits: a hostile box can fill what is its own and no more.
func TestLimits(t *testing.T) {
	t.Run("far ahead", func(t *testing.T) {
		r := newRig(t)
		r.takes("hello", greeting(t, nil), genesis)
		m, _ := batch(t, uplink.Head{Seq: 8 * uplink.MaxWant, Hash: uplink.Hash{1}}, 1)
		r.refuses("one beyond", m)
		m, _ = batch(t, uplink.Head{Seq: 8*uplink.MaxWant - 1, Hash: uplink.Hash{1}}, 1)
		r.takes("the last", m, genesis)
	})
	t.Run("runs", func(t *testing.T) {
		r := newRig(t)
		r.takes("hello", greeting(t, nil), genesis)
		const most = 256
		for i := range most {
			m, _ := batch(t, uplink.Head{Seq: uint64(10 * (i + 1)), Hash: uplink.Hash{1}}, 1)
			r.takes("a run", m, genesis)
		}
		m, _ := batch(t, uplink.Head{Seq: 10 * (most + 1), Hash: uplink.Hash{1}}, 1)
		r.refuses("one run more", m)
		// One new record, then others of known numbers: what is refused may leave nothing among the forks either.
		m, _ = batch(t, uplink.Head{Seq: 9, Hash: uplink.Hash{7}}, 1, 2)
		r.refuses("one run more, with a fork", m)
		if got := r.column(`SELECT count(*) FROM forks`); got[0] != "0" {
			t.Errorf("%s forks kept of what was refused, want 0", got[0])
		}
	})
	t.Run("chains", func(t *testing.T) {
		r := newRig(t)
		name := func(i int) collector.Message {
			id := uplink.ChainID(fmt.Sprintf("chain-%04d", i))
			return greeting(t, func(h *uplink.Hello) { h.Chain, h.Hash = id, uplink.Genesis(id, public(1)) })
		}
		for i := range 64 {
			if _, err := r.c.Handle(r.now, name(i)); err != nil {
				t.Fatalf("chain %d: %v", i, err)
			}
		}
		r.refuses("chain 65", name(64))
	})
	t.Run("forks", func(t *testing.T) {
		r := newRig(t)
		ms, heads := r.run(1)
		r.takes("hello", greeting(t, nil), genesis)
		r.takes("1", ms[0], heads[1])
		many := make([]uplink.Int, uplink.MaxRecords)
		for i := range 8192/uplink.MaxRecords + 2 {
			h := genesis
			h.Hash[0] += byte(i + 1)
			m, _ := batch(t, h, many...)
			r.takes("a branch", m, heads[1])
		}
		if got := r.column(`SELECT count(*) FROM forks`); got[0] != "8192" {
			t.Errorf("%s records of branches kept, want 8192", got[0])
		}
	})
}

// TestPresence: what makes a box live, and what does not.
func TestPresence(t *testing.T) {
	state := func(word string, boot, conn uplink.Int) collector.Message {
		p, err := uplink.Marshal(uplink.State{V: 1, State: word, Boot: boot, Conn: conn, Chain: chain})
		if err != nil {
			t.Fatal(err)
		}
		return collector.Message{Topic: at.Topic(uplink.UpState), Payload: p}
	}
	r := newRig(t)
	f := func(what string, m collector.Message, want live.Status) {
		t.Helper()
		if _, err := r.c.Handle(r.now, m); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := live.Of(r.box(), r.now).Status; got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	kept := state(uplink.StateOnline, 40, 9)
	kept.Retain = true
	f("what the broker had kept is no sign of life", kept, live.Offline)
	f("hello", greeting(t, func(h *uplink.Hello) { h.Boot, h.Conn = 41, 2 }), live.Unknown)
	f("late will of the connection before", state(uplink.StateOffline, 41, 1), live.Unknown)
	f("late will of the boot before, of more connections", state(uplink.StateOffline, 40, 9), live.Unknown)
	f("its own will", state(uplink.StateOffline, 41, 2), live.Offline)
	f("it is back", state(uplink.StateOnline, 42, 1), live.Unknown)
	r.now = r.now.Add(live.Silence)
	if got := live.Of(r.box(), r.now).Status; got != live.Offline {
		t.Errorf("after %v of silence: %s, want offline", live.Silence, got)
	}
	if _, err := r.c.Handle(r.now, greeting(t, func(h *uplink.Hello) { h.Key, h.Conn = uplink.Key(public(3)), 9 })); !errors.Is(err, collector.ErrRefused) {
		t.Errorf("hello with another key: %v, want %v", err, collector.ErrRefused)
	}
	f("will of the true box", state(uplink.StateOffline, 42, 1), live.Offline)
}

// TestBlind: the newest record that tells of sight counts, by number and not by arrival; a start of the box is one.
func TestBlind(t *testing.T) {
	r := newRig(t)
	r.takes("hello", greeting(t, nil), genesis)
	var ms []collector.Message
	heads := []uplink.Head{genesis}
	untimed := uplink.Stamp{Quality: uplink.QualityNone}
	blind := func(is bool) uplink.Body { return &uplink.Blind{Stamp: untimed, Blind: is, Why: "no-frames"} }
	boot := &uplink.Boot{Stamp: untimed, Why: uplink.BootCrash}
	for i, body := range []uplink.Body{blind(true), blind(false), blind(true), boot, blind(true)} {
		rec, err := uplink.Encode(body)
		if err != nil {
			t.Fatal(err)
		}
		h := heads[i]
		b := &uplink.Batch{Box: at.Box, Chain: chain, Boot: 41, From: h.Seq + 1, Prev: h.Hash, Recs: []uplink.Record{rec}}
		end := h.Next(41, rec)
		b.Head = end.Hash
		p, err := b.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		ms, heads = append(ms, collector.Message{Topic: at.Topic(uplink.UpRecords), Payload: p}), append(heads, end)
	}
	f := func(what string, m collector.Message, receipt uplink.Head, want bool) {
		t.Helper()
		r.takes(what, m, receipt)
		if got := r.box().Blind; got != want {
			t.Errorf("%s: blind %v, want %v", what, got, want)
		}
	}
	f("1 blind", ms[0], heads[1], true)
	f("3 blind, before 2", ms[2], heads[1], true)
	f("2 sees again, but is older", ms[1], heads[3], true)
	f("4 the daemon died blind, and started", ms[3], heads[4], false)
	f("5 blind still", ms[4], heads[5], true)
}

// TestBoxComplains: what a box says is wrong with itself is an alarm, once a day, and none when it is over, old or a will.
func TestBoxComplains(t *testing.T) {
	r := newRig(t)
	ms, heads := r.run(1)
	r.takes("hello", greeting(t, nil), genesis)
	r.takes("1", ms[0], heads[1])
	ill := uplink.Card{Fault: uplink.CardReadOnly, Warn: []string{uplink.CardReadOnly}}
	say := func(word string, retain bool, lag uplink.Int, c uplink.Card) {
		t.Helper()
		p, err := uplink.Marshal(uplink.State{
			V: 1, State: word, Boot: 41, Conn: 1, Chain: chain, Head: 9, Rcpt: 1, Time: 1, Lag: lag, Card: c,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.c.Handle(r.now, collector.Message{Topic: at.Topic(uplink.UpState), Payload: p, Retain: retain}); err != nil {
			t.Fatal(err)
		}
	}
	say(uplink.StateOnline, false, 0, uplink.Card{Lost: 3, Forks: 1, Warn: []string{uplink.CardVolatile}})
	say(uplink.StateOffline, false, 960, ill)
	say(uplink.StateOnline, true, 960, ill)
	r.alarms()
	say(uplink.StateOnline, false, 960, ill)
	say(uplink.StateOnline, false, 990, ill)
	r.alarms("late:2-9", "card:9-9")

	records := func(bodies ...uplink.Body) {
		t.Helper()
		b := &uplink.Batch{Box: at.Box, Chain: chain, Boot: 41, From: heads[1].Seq + 1, Prev: heads[1].Hash}
		for _, body := range bodies {
			rec, err := uplink.Encode(body)
			if err != nil {
				t.Fatal(err)
			}
			b.Recs = append(b.Recs, rec)
			heads[1] = heads[1].Next(41, rec)
		}
		b.Head = heads[1].Hash
		p, err := b.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		r.takes("records", collector.Message{Topic: at.Topic(uplink.UpRecords), Payload: p}, heads[1])
	}
	none := uplink.Stamp{Quality: uplink.QualityNone}
	records(&uplink.Health{Stamp: none, Card: ill})
	r.alarms("late:2-9", "card:9-9")
	r.now = r.now.Add(25 * time.Hour)
	records(&uplink.Health{Stamp: none, Card: uplink.Card{Corrupt: 1}}, &uplink.Health{Stamp: none})
	records(&uplink.Fork{Stamp: none, At: 700, Theirs: uplink.Hash{1}})
	r.alarms("late:2-9", "card:9-9", "card:3-3", "fork:700-700")
	if b := r.box(); b.Doubts != 1 {
		t.Errorf("%d doubts, want 1: the fork", b.Doubts)
	}
}

// TestNights: each stage of a night counts once, by its first record, in whatever order and however often the records come;
// the chain's export has them all.
func TestNights(t *testing.T) {
	r := newRig(t)
	r.takes("hello", greeting(t, nil), genesis)
	told := func(night uplink.Date, stage string, minutes uplink.Int) uplink.Body {
		return &uplink.AfterHours{
			Stamp: uplink.Stamp{Mono: 1, Time: 1795536000000, Quality: uplink.QualitySync}, Night: night, Stage: stage, Category: "game",
			Hours: "22:00-08:00", First: 1795534200000, Last: 1795536000000, Peak: 2, Minutes: minutes, Confidence: 88,
		}
	}
	bodies := []uplink.Body{
		told("2026-11-24", uplink.StageWatch, 30), told("2026-11-24", uplink.StageAlert, 60), told("2026-11-24", uplink.StageAlert, 70),
		told("2026-11-24", uplink.StageEnd, 80), told("2026-11-25", uplink.StageWatch, 30),
		&uplink.Dispute{
			Stamp: uplink.Stamp{Mono: 2, Time: 1795536000001, Quality: uplink.QualitySync}, Night: "2026-11-24", Stage: uplink.StageAlert,
			Seq: 2, Note: "Thợ sửa máy.",
		},
	}
	heads := []uplink.Head{genesis}
	var ms []collector.Message
	for _, body := range bodies {
		rec, err := uplink.Encode(body)
		if err != nil {
			t.Fatal(err)
		}
		h := heads[len(heads)-1]
		b := &uplink.Batch{Box: at.Box, Chain: chain, Boot: 41, From: h.Seq + 1, Prev: h.Hash, Recs: []uplink.Record{rec}}
		end := h.Next(41, rec)
		b.Head = end.Hash
		p, err := b.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		ms, heads = append(ms, collector.Message{Topic: at.Topic(uplink.UpRecords), Payload: p}), append(heads, end)
	}
	r.takes("the second alert, before all others", ms[2], heads[0])
	r.takes("the watch", ms[0], heads[1])
	r.takes("the alert", ms[1], heads[3])
	r.takes("the alert again", ms[1], heads[3])
	r.takes("the end", ms[3], heads[4])
	r.takes("the next night", ms[4], heads[5])
	r.takes("the end again", ms[3], heads[5])
	r.takes("a dispute", ms[5], heads[6])
	r.takes("the dispute again", ms[5], heads[6])
	got := r.column(`SELECT night || ' ' || stage || ' ' || seq FROM nights ORDER BY seq`)
	want := []string{"2026-11-24 watch 1", "2026-11-24 alert 2", "2026-11-24 end 4", "2026-11-25 watch 5"}
	if !slices.Equal(got, want) {
		t.Errorf("nights %q, want %q", got, want)
	}
	nights, err := r.s.Nights(t.Context(), 10)
	if err != nil || len(nights) != 2 || nights[0].Night != "2026-11-25" || nights[0].Alert || nights[0].Over ||
		!nights[1].Alert || !nights[1].Over || !nights[1].Verified || !strings.Contains(string(nights[1].Body), `"min":80`) {
		t.Errorf("nights %+v, %v, want a watch, and before it an alert with the end's figures", nights, err)
	}
	if len(nights[0].Disputes) != 0 || len(nights[1].Disputes) != 1 || !nights[1].Disputes[0].Verified ||
		!strings.Contains(string(nights[1].Disputes[0].Body), "Thợ") {
		t.Errorf("disputes %+v and %+v, want one of the older night", nights[0].Disputes, nights[1].Disputes)
	}
	var out bytes.Buffer
	if _, err := province.Export(t.Context(), &out, r.s, at, "", key(2)); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), `"k":"after-hours"`); n != len(bodies)-1 {
		t.Errorf("the export has %d records of nights, want %d", n, len(bodies)-1)
	}
	if report, err := export.Verify(&out); err != nil || !report.Sound() {
		t.Errorf("the export verifies as %+v, %v", report, err)
	}
}
