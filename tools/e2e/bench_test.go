package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// coalescing is the box's default of uplink.delay.
const coalescing = 4 * time.Minute

// BenchmarkUplink is `make bench-uplink`: the uplink with its real peers, each of its figures beside one that was measured
// in the same run on the same machine. It is made to run once (-benchtime 1x) and prints one table.
//
// cafeprobed, the province and mosquitto are processes of their own, and all speak TLS 1.3 with certificates. Only where
// many boxes or each single record's times are wanted are the boxes' spools and forwarders in the benchmark's process.
func BenchmarkUplink(b *testing.B) {
	var t table
	b.Run("raw", func(b *testing.B) { benchRawMQTT(b, &t) })
	b.Run("commit", func(b *testing.B) { benchCommit(b, &t) })
	var raw float64
	b.Run("store", func(b *testing.B) { raw = benchStore(b, &t) })
	for _, name := range []string{"mosquitto", "embedded"} {
		b.Run(name, func(b *testing.B) {
			p := newPeers(b, name)
			benchWay(b, &t, p)
			benchLatencies(b, &t, p)
			benchCrowd(b, &t, p, raw)
		})
	}
	if b.Failed() {
		return
	}
	fmt.Print("\n", t.String())
	if err := os.MkdirAll(filepath.Dir(benchFile), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(benchFile, []byte(t.String()), 0o644); err != nil {
		b.Fatal(err)
	}
}

// benchLatencies adds how long a receipt takes: the way alone, and with a delay for which the box lets records wait for more.
// A forwarder looks once a second whether the delay is over, so times with the box's own delay are those of this one plus
// the difference of the two.
func benchLatencies(b *testing.B, t *table, p *peers) {
	alone := benchLatency(b, p, 101, pastime{hours: 4, quicker: 240})
	t.spread("commit to receipt, "+p.name+", an evening at 100 stations, no delay", alone, t.rawTrip, "raw, one way")
	b.ReportMetric(percentile(alone, 50), "receipt-p50-ms")
	if p.brokers == "" {
		return // what the delay adds is not the broker's
	}
	pass := pastime{hours: 1, quicker: 20, delay: coalescing / 20}
	delayed := benchLatency(b, p, 102, pass)
	for _, q := range []float64{50, 95, 99} {
		t.add(fmt.Sprintf("  with a delay of %v (a box's own is %v), p%.0f of %d", pass.delay, coalescing, q, len(delayed)), "s",
			percentile(delayed, q)/1000, pass.delay.Seconds(), "the delay")
	}
}
