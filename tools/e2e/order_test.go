package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cafeprobe/firmware/config"
	"cafeprobe/tools/province"
	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
	"cafeprobe/uplink/mqtt"
)

// TestOrders: a real daemon does what the province asks for, once, and its chain says so; what is forged, replayed or over
// is refused, and the chain says that too.
func TestOrders(t *testing.T) {
	m := mosquitto(t)
	p := newSite(t, t.TempDir(), m.url())
	b := newBox(t, p, evening(t, 4, 5), 400) // 45 s, of the minute that is ever: to ask it all takes 17, and took 32
	lived := make(chan progress, 1)
	go func() {
		last, _ := b.live(t, moment{ever, true}, t.Output(), t.Output())
		lived <- last
	}()
	s, key, err := province.OpenBeside(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ch := chainOf(t, s, b.id.Box)
	ask := func(verb uplink.Verb, args string, want string) {
		t.Helper()
		n, err := collector.Order(s, ch, verb, []byte(args), time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if got := result(t, s, ch, n); got != want {
			t.Errorf("%s %s: %s, want %s", verb, args, got, want)
		}
	}
	ask(uplink.VerbDiag, ``, "done")
	ask(uplink.VerbMaintain, `{"from":1795000000000,"to":1795003600000}`, "done")
	ask(uplink.VerbMaintain, `{"from":2,"to":1}`, "refused args")
	ask(uplink.VerbRotate, ``, "refused no-tls")
	ask(uplink.VerbUpdate, `{"fw":"2026.12.0","url":"https://h/release/"}`, "refused no-tls")
	ask(uplink.VerbUpdate, `{"fw":"2026.12.0","url":"http://h/release/"}`, "refused args")
	ask(uplink.VerbSet, `{"uplink":{"broker":"tcp://evil:1883"}}`, "refused args")
	ask(uplink.VerbSet, `{"cafe":{"silence":"6m"}}`, "refused replay")
	old := uplink.Command{Chain: uplink.ChainID(ch.Name), Number: 1, Time: 1, Expiry: uplink.TimeOf(time.Now()) + 60_000, Verb: uplink.VerbReboot}
	used := marshal(t, old.Sign(key, b.id.Address))
	forged := old
	forged.Number = 900
	hostile(t, m.url(), b, used, used[:100], marshal(t, forged.Sign(b.id.Key, b.id.Address)))
	ask(uplink.VerbSet, `{"uplink":{"delay":"1s"}}`, "done")
	if _, err := os.Stat(filepath.Join(b.dir, config.SettingsFile)); err != nil {
		t.Errorf("nothing was set: %v", err)
	}
	ask(uplink.VerbReboot, ``, "done")
	ask(uplink.VerbDiag, ``, "done") // it is back
	over := uplink.Command{Chain: uplink.ChainID(ch.Name), Number: 901, Time: 1, Expiry: 2, Verb: uplink.VerbDiag}.Sign(key, b.id.Address)
	hostile(t, m.url(), b, marshal(t, over), marshal(t, over))
	if last := <-lived; !last.Done || last.Receipted != last.Records {
		t.Errorf("the daemon ended with %+v, want all receipted", last)
	}
	said := map[string]int{}
	boots := map[uint64]bool{}
	for _, r := range b.spooled(t) {
		boots[r.Boot] = true
		switch body, _ := r.Body(); v := body.(type) {
		case *uplink.Done:
			said[fmt.Sprintf("%s %s %s", v.Verb, v.Result, v.Why)]++
		case *uplink.Security:
			said[v.What+" "+v.Topic] += int(v.Count)
		case *uplink.Config:
			said["cfg "+strings.Join(v.Changed, ",")]++
		}
	}
	for what, n := range map[string]int{
		"diag done ": 2, "maintain done ": 1, "maintain refused args": 1, "rotate refused no-tls": 1, "set refused args": 1,
		"set refused replay": 1, "set done ": 1, "reboot done ": 1, "cfg uplink.delay": 1, "diag refused expired": 1,
		"forged cmd": 1, "replayed cmd": 2, "expired cmd": 1, "malformed cmd": 1,
	} {
		// The province sends a command again until it has the result, so one that crosses a restart may come twice.
		if said[what] != n && (what != "replayed cmd" || said[what] < n) {
			t.Errorf("the chain says %q %d times, want %d; all: %v", what, said[what], n, said)
		}
	}
	if len(boots) != 3 {
		t.Errorf("%d boots, want 3: one more for set and one for reboot", len(boots))
	}
}

// chainOf waits until the province knows the box's chain.
func chainOf(t *testing.T, s *store.Store, box uplink.BoxID) store.Chain {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		ch, err := s.ChainOf(context.Background(), string(box), "")
		if err == nil {
			return ch
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// result waits for what the chain says of command n.
func result(t *testing.T, s *store.Store, ch store.Chain, n uint64) string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		list, err := s.Commands(context.Background(), ch)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.Number == n && c.Recorded {
				return strings.TrimSpace(c.Result + " " + c.Why)
			}
		}
	}
	return "no result"
}

func marshal(t *testing.T, c uplink.Command) []byte {
	t.Helper()
	p, err := uplink.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hostile sends the box what is not to be obeyed, as one who has got hold of the broker and of old commands.
func hostile(t *testing.T, broker string, b *box, payloads ...[]byte) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	conn, err := mqtt.Dial(ctx, mqtt.Config{Broker: broker, Client: "hostile"}, func(mqtt.Message) {})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, p := range payloads {
		if err := conn.Publish(ctx, mqtt.Message{Topic: b.id.Topic(uplink.DownCommand) + "/x", Payload: p, QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(5 * time.Second); conn.Acked() < uint64(len(payloads)) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}
