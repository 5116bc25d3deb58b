package e2e

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cafeprobe/tools/province"
	"cafeprobe/uplink"
	"cafeprobe/uplink/forward"
	"cafeprobe/uplink/spool"
)

// TestAcknowledgedAndNeverReceived: the broker acknowledges what its rules let nobody read, or what is for a province that
// nobody runs. The box raises the alarm in its log and its state; where the state gets through, the province has it too. When
// the rules are mended all arrives, and the alarm ends.
func TestAcknowledgedAndNeverReceived(t *testing.T) {
	const box = uplink.BoxID("b-0000e2e4")
	f := func(name, denied string, in uplink.Province, alarm []string) {
		t.Run(name, func(t *testing.T) {
			rules := filepath.Join(t.TempDir(), "rules")
			write := func(text string) {
				t.Helper()
				if err := os.WriteFile(rules, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			all := "pattern readwrite #\n"
			write(all + "user " + string(box) + "\n" + denied)
			m := mosquitto(t, "acl_file "+rules)
			p := newSite(t, t.TempDir(), m.url())
			id, err := spool.NewIdentity(uplink.Address{Province: in, Box: box}, p.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			sp, err := spool.Open(t.TempDir(), id, spool.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer sp.Close()
			fill(t, sp, 10)
			log := &journal{}
			fw := forward.New(sp, forward.Config{
				Broker: m.url(), Retry: 50 * time.Millisecond, Lag: 300 * time.Millisecond, Alarm: time.Second,
				Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo})),
			})
			ctx, stop := context.WithCancel(context.Background())
			var wg sync.WaitGroup
			wg.Go(func() { fw.Run(ctx) })
			defer wg.Wait()
			defer stop()

			until(t, 20*time.Second, "the alarm", func() bool { return fw.Stats().Late && strings.Count(log.String(), "level=ERROR") == 1 })
			if st := fw.Stats(); !st.Connected || sp.Receipted().Seq != 0 {
				t.Errorf("%+v, receipted %d; want it connected and nothing receipted", st, sp.Receipted().Seq)
			}
			s, _, err := province.OpenBeside(p.dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			alarms := func() []string { return p.column(t, `SELECT what || ':' || first || '-' || last FROM alarms`) }
			if len(alarm) > 0 {
				until(t, 10*time.Second, "the province's alarm", func() bool { return slices.Equal(alarms(), alarm) })
				boxes, err := s.Boxes(t.Context())
				if err != nil || len(boxes) != 1 {
					t.Fatalf("%d boxes, %v, want one", len(boxes), err)
				}
				if said, err := uplink.Parse[uplink.State](boxes[0].State); err != nil || said.Lag == 0 {
					t.Errorf("state %s, %v, want how late receipts are", boxes[0].State, err)
				}
			}
			if in != p.name {
				return // no rule mends this
			}
			write(all)
			m.Reread()
			until(t, 20*time.Second, "all is receipted", func() bool {
				return sp.Receipted() == sp.Head() && !fw.Stats().Late && strings.Contains(log.String(), "receipts again")
			})
			if got := fmt.Sprint(alarms()); got != fmt.Sprint(alarm) {
				t.Errorf("alarms %s, want %v", got, alarm)
			}
		})
	}
	f("records are denied", "topic deny cafeprobe/v1/e2e/+/+/up/rec\n", "e2e", []string{"late:1-10"})
	f("all is denied", "topic deny cafeprobe/v1/e2e/+/+/up/#\n", "e2e", nil)
	f("another province", "", "nowhere", nil)
}

// journal is a log that a test may read meanwhile.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
