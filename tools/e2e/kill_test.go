package e2e

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cafeprobe/capture/pcapfile"
	"cafeprobe/firmware/account"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/config"
	"cafeprobe/firmware/pipeline"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/ca"
	brokerfiles "cafeprobe/tools/province/mosquitto"
	"cafeprobe/tools/province/mosquitto/mosquittotest"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/spool"
)

// The kill test's load: a kill every pause in the mean, and between two kills that many records.
const (
	pause   = 1500 * time.Millisecond
	density = 200
	awayMax = time.Second // for how long who was killed is away at most; every other one comes back at once
)

// maxRepeats is the share of records that may come to the province though it has them.
const maxRepeats = 0.005

// seedVariable in the environment repeats the kills of an earlier run.
const seedVariable = "CAFEPROBE_E2E_SEED"

// TestKilled: box, broker and province, each a program of its own and TLS between them, are killed -9 at random moments and
// started again, at once or later. At the end the province holds every record of the spool once, in order, they tell what
// a run tells that nobody disturbed, and next to none crossed the wire though the province had it.
func TestKilled(t *testing.T) {
	kills := 10
	if long() {
		kills = 200
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("%s=%d", seedVariable, seed)
	mosquittotest.Program(t, "mosquitto")

	// 200 computers that are on for 2 minutes and off for 25 tell about 15 records a minute.
	span := time.Duration(kills*density) * time.Minute / 15
	file := coming(t, 200, span, habit{func(int) time.Duration { return 2 * time.Minute }, 25 * time.Minute, time.Minute})
	id, err := spool.NewIdentity(uplink.Address{Province: "e2e", Box: "b-0000e2e1"}, make([]byte, ed25519.PublicKeySize))
	if err != nil {
		t.Fatal(err)
	}
	want := undisturbed(t, id, file)
	t.Logf("undisturbed: %d records", strings.Count(want, "\n"))

	for i, name := range []string{"embedded", "mosquitto", "mosquitto that keeps"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := schedule(rand.New(rand.NewPCG(seed, uint64(i))), min(i, 1)+2, kills)
			speed := span.Seconds() / plan[len(plan)-1].at.Seconds()
			g := newGround(t, id, i, file, speed)
			g.live(plan)
			g.compare(want, kills)
		})
	}
}

// undisturbed returns what a box tells of a capture when nothing stands in its way, not even a card: one record a line.
func undisturbed(t *testing.T, id spool.Identity, file string) string {
	t.Helper()
	src, err := pcapfile.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var all lines
	err = pipeline.New(pipeline.Config{
		Cafe:    cafe.Config{Silence: 5 * time.Minute, Summary: time.Minute},
		Account: account.Config{Secret: id.Secret, Quality: uplink.QualityCoarse, Window: time.Minute},
		Sink:    &all,
	}).Run(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// lines is a sink that keeps what is told, one record a line.
type lines struct{ strings.Builder }

func (l *lines) Record(r uplink.Record) error { _, err := fmt.Fprintf(l, "%s\n", r.Raw); return err }
func (l *lines) Occ(uplink.Occ) error         { return nil }

// deed is something that is done to a peer: it is killed, or started again.
type deed struct {
	at    time.Duration
	peer  int
	start bool
}

// schedule returns kills at random moments of random peers that are there, and when they come back.
func schedule(r *rand.Rand, peers, kills int) (list []deed) {
	back := make([]time.Duration, peers)
	for at := time.Duration(0); kills > 0; kills-- {
		at += time.Duration(r.Int64N(int64(2 * pause)))
		i := r.IntN(peers)
		at = max(at, back[i])
		back[i] = at
		if r.IntN(2) == 1 {
			back[i] += time.Duration(r.Int64N(int64(awayMax)))
		}
		list = append(list, deed{at, i, false}, deed{back[i], i, true})
	}
	slices.SortStableFunc(list, func(a, b deed) int { return cmp.Compare(a.at, b.at) })
	return list
}

// TestSchedule: nobody is killed who is away, and at the end all are there.
func TestSchedule(t *testing.T) {
	up := []bool{true, true, true}
	killed := make([]int, len(up))
	for _, d := range schedule(rand.New(rand.NewPCG(1, 2)), len(up), 300) {
		if up[d.peer] == d.start {
			t.Fatalf("at %v: peer %d, there %v, start %v", d.at, d.peer, up[d.peer], d.start)
		}
		up[d.peer] = d.start
		if !d.start {
			killed[d.peer]++
		}
	}
	if slices.Contains(up, false) || slices.Min(killed) < 50 {
		t.Errorf("there at the end %v, killed %v, want all and each often", up, killed)
	}
}

// ground is a province with certificates, a box and perhaps a mosquitto between them, each a program.
type ground struct {
	t     *testing.T
	dir   string // the province's
	box   *box
	peers []*peer // box, province, mosquitto
	moved int     // kills between which the store had got records
}

// newGround starts them. kind is 0 for the embedded broker, 1 for mosquitto and 2 for one that keeps what it can.
func newGround(t *testing.T, id spool.Identity, kind int, file string, speed float64) *ground {
	t.Helper()
	program, err := provincePath()
	if err != nil {
		t.Fatal(err)
	}
	g := &ground{t: t, dir: filepath.Join(t.TempDir(), "province")}
	addr, door := mosquittotest.FreeAddr(t), mosquittotest.FreeAddr(t)
	args := []string{"province", "serve", "--dir", g.dir, "--name", "e2e", "--mqtt", "127.0.0.1:0", "--web", "127.0.0.1:0", "--enroll", door}
	var between *peer
	if kind == 0 {
		args = append(args, "--tls", addr)
	} else {
		between = newPeer(t, "mosquitto", mosquittotest.Program(t, "mosquitto"), "-c", g.mosquitto(addr, kind == 2))
		args = append(args, "--broker", "ssl://"+addr)
	}
	p := newPeer(t, "province", program, args...)
	key, err := base64.RawURLEncoding.DecodeString(p.says(`(?m)^key +(\S+)`))
	if err != nil {
		t.Fatal(err)
	}
	p.says(`(?m)^(until Ctrl-C)`)
	id.ProvinceKey = key
	g.box = provision(t, id, config.Uplink{Broker: "ssl://" + addr, TLS: config.TLS{Enroll: "https://" + door}}, replayOf(file, speed), config.Clock{})
	g.enroll(program)
	g.peers = []*peer{newPeer(t, "cafeprobed", daemonPath, "-config", g.box.conf), p}
	if between != nil {
		g.peers = append(g.peers, between)
	}
	return g
}

// mosquitto writes the project's own configuration of a mosquitto, and has it write to its disk if it is to keep.
func (g *ground) mosquitto(addr string, keep bool) (path string) {
	t := g.t
	t.Helper()
	authority, err := ca.Open(filepath.Join(g.dir, province.CADir), "e2e", ca.Config{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "mosquitto")
	err = brokerfiles.Write(dir, authority, brokerfiles.Config{Province: "e2e", Listen: addr, User: "root"})
	if err := errors.Join(err, authority.Close()); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, brokerfiles.ConfigFile)
	if !keep {
		return path
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const off = "\npersistence false\n"
	if n := bytes.Count(text, []byte(off)); n != 1 {
		t.Fatalf("%q stands %d times in %s, want once", off, n, path)
	}
	on := fmt.Sprintf("\npersistence true\npersistence_location %s/\nautosave_on_changes true\nautosave_interval 1\n", dir)
	if err := os.WriteFile(path, bytes.Replace(text, []byte(off), []byte(on), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// enroll gets the box its certificate as a technician does.
func (g *ground) enroll(program string) {
	g.t.Helper()
	root, err := os.ReadFile(filepath.Join(g.dir, province.CADir, ca.RootFile))
	tls := filepath.Join(g.box.dir, "tls")
	if err := errors.Join(err, os.Mkdir(tls, 0o700), os.WriteFile(filepath.Join(tls, credential.CAFile), root, 0o600)); err != nil {
		g.t.Fatal(err)
	}
	code := run(g.t, program, "province", "claim", "--dir", g.dir, string(g.box.id.Box))
	cmd := mosquittotest.Command(daemonPath, "-enroll", "-config", g.box.conf)
	cmd.Stdin = strings.NewReader(code)
	if out, err := cmd.CombinedOutput(); err != nil {
		g.t.Fatalf("enrol: %v: %s", err, out)
	}
}

// live does what plan says, and ends when the box has told all.
func (g *ground) live(plan []deed) {
	g.t.Helper()
	began, before := time.Now(), 0
	for _, d := range plan {
		time.Sleep(time.Until(began.Add(d.at)))
		if d.start {
			g.peers[d.peer].start()
			continue
		}
		if now, _ := g.stored(); now > before {
			before = now
			g.moved++
		}
		g.peers[d.peer].kill()
	}
	killed := time.Since(began)
	g.peers[0].end(5 * time.Minute)
	g.t.Logf("killed for %v, then %v to the end", killed.Round(time.Second), (time.Since(began) - killed).Round(time.Second))
	g.peers[1].stop()
}

// stored returns how many records the province has stored, and how many came though it had them.
func (g *ground) stored() (records, repeats int) {
	g.t.Helper()
	db, err := openStore(g.dir)
	if err != nil {
		g.t.Fatal(err)
	}
	defer db.Close()
	const text = `SELECT COALESCE(SUM(stored), 0), COALESCE(SUM(duplicates), 0) FROM chains`
	if err := db.QueryRowContext(g.t.Context(), text).Scan(&records, &repeats); err != nil {
		g.t.Fatal(err)
	}
	return records, repeats
}

// compare checks what has come of it.
func (g *ground) compare(want string, kills int) {
	t := g.t
	t.Helper()
	spooled := g.box.spooled(t)
	if got := told(spooled); got != want {
		t.Errorf("the records told differ from the undisturbed run's: got\n%.2000s\nwant\n%.2000s", got, want)
	}
	sameInStore(t, g.dir, spooled)
	boots := 0
	for _, r := range spooled {
		if r.Kind == uplink.KindBoot {
			boots++
		}
	}
	records, repeats := g.stored()
	share := float64(repeats) / float64(records+repeats)
	t.Logf("%d kills, %d of them after new records had come; %d records of %d lives; %d came again, %.3f %%", kills, g.moved,
		records, boots, repeats, 100*share)
	if share > maxRepeats {
		t.Errorf("%d of %d records came though the province had them, want at most %.1f %%", repeats, records+repeats, 100*maxRepeats)
	}
	if g.moved <= kills/8 { // on a busy machine most kills hit somebody who is not back from the last
		t.Errorf("%d of %d kills came after new records, want more than an eighth", g.moved, kills)
	}
}
