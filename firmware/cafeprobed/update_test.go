package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"cafeprobe/firmware/command"
	"cafeprobe/firmware/update"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// TestAnnounced: what the province announces goes to PID 1 with what the child needs, if this box is to have it, and nothing else does.
func TestAnnounced(t *testing.T) {
	cfg, id, p := provisioned(t, 0)
	sp, err := spool.Open(cfg.Dir, id, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	cfg.Uplink.TLS.ServerName = "province"
	ord := newOrders(*cfg, slog.New(slog.DiscardHandler))
	ord.sp = sp
	now := uplink.Stamp{Time: 1795000000000, Quality: uplink.QualitySync}
	ord.stamp = func() uplink.Stamp { return now }
	var got []update.Offer
	offer := func(b json.RawMessage) error {
		o, err := update.ParseOffer(b)
		got = append(got, o)
		return err
	}
	f := func(args string, want error) {
		t.Helper()
		_, err := ord.update(&uplink.Command{Number: 7, Args: json.RawMessage(args)})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", args, err, want)
		}
	}
	ring := update.Ring(string(id.Box), "2026.12.0")
	announced := func(percent int) string {
		return fmt.Sprintf(`{"fw":"2026.12.0","url":"https://h/release/","percent":%d}`, percent)
	}
	f(announced(100), command.Refusal("no-updates")) // a daemon that runs by itself
	ord.offer = offer
	f(`{"fw":"2026.12.0"}`, command.BadArgs)
	f(`{}`, command.BadArgs)
	if ring > 0 {
		f(announced(ring), command.Refusal("ring"))
	}
	if len(got) > 0 {
		t.Fatalf("offered %+v", got)
	}
	f(announced(ring+1), nil)
	want := update.Offer{
		Version: "2026.12.0", URL: "https://h/release/", CA: string(p.CA().Root()), Name: "province", Now: 1795000000000, Command: 7,
	}
	if len(got) != 1 || got[0] != want {
		t.Errorf("offered %+v, want %+v", got, want)
	}
	now.Quality = uplink.QualityFloor
	f(announced(100), nil)
	if got[1].Now != 0 {
		t.Errorf("a clock that was only saved says %d", got[1].Now)
	}
	ord.cfg.Uplink.Broker = "tcp" + strings.TrimPrefix(cfg.Uplink.Broker, "ssl")
	f(announced(100), command.Refusal("no-tls"))
}
