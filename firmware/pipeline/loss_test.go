package pipeline

import (
	"fmt"
	"hash/fnv"
	"math"
	"path/filepath"
	"testing"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/decode"
	"cafeprobe/capture/handoff"
	"cafeprobe/capture/title"
)

// estimate runs frames through the hot side without those that drop says, and returns what the tables make of it.
func estimate(frames []capture.Frame, drop func(i int) bool) (came, lost uint64) {
	out := handoff.New(ring, handoff.Replay)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var buf [256]capture.Observation
		for {
			n, ok := out.Take(buf[:])
			for _, o := range buf[:n] {
				if o.Kind == capture.KindLoss {
					came, lost = came+o.Up.Octets, lost+o.Down.Octets
				}
			}
			if !ok {
				return
			}
		}
	}()
	h := newHot(out, title.Builtin(), 1)
	for i := range frames {
		if !drop(i) {
			h.observe(&frames[i])
		}
	}
	h.finish()
	out.Close()
	<-ended
	return came, lost
}

// dropped says of a share of the frames, the same ones each time, that they are dropped.
func dropped(share float64, salt int) func(i int) bool {
	return func(i int) bool {
		h := fnv.New64a()
		fmt.Fprint(h, salt, ":", i)
		return float64(h.Sum64()%1_000_003)/1_000_003 < share
	}
}

// payload returns how many octets of TCP payload frames hold of which drop says so, and how many there are.
func payload(frames []capture.Frame, drop func(i int) bool) (gone, all int) {
	d := decode.New()
	var p decode.Packet
	for i := range frames {
		if d.Decode(&frames[i], &p) == decode.Malformed || !p.HasIP || p.Proto != decode.ProtoTCP {
			continue
		}
		all += p.PayloadLen
		if drop(i) {
			gone += p.PayloadLen
		}
	}
	return gone, all
}

// TestLossEstimate drops frames of captures in which nothing is missing, by the analyser's word as well as by ours, and
// compares the estimate with what was dropped. What is left between them is chance: what was never acknowledged while it was
// recorded, or came before the first acknowledgement, is dropped as well and counts nowhere.
func TestLossEstimate(t *testing.T) {
	dir := capturetest.Shared(t)
	own, _ := capturetest.Cafe(t)
	paths := []string{own}
	for _, name := range []string{
		"game-firefall_2014_login_gameplay--derived.pcapng", "game-starcraft_battle--ndpi.pcap", "lan-1kxun_lan_2016--derived.pcap",
		"link-sll--pcpp.pcap", "lan-output_eve_ftp_data--suri.pcap", "encap-vxlan--ndpi.pcap",
	} {
		paths = append(paths, filepath.Join(dir, name))
	}
	for _, share := range []float64{0, 0.01, 0.05, 0.2} {
		gone, all, came, lost := 0, 0, 0, 0
		for _, path := range paths {
			frames := load(t, path)
			for salt := range 2 {
				drop := dropped(share, salt)
				g, a := payload(frames, drop)
				c, l := estimate(frames, drop)
				gone, all, came, lost = gone+g, all+a, came+int(c), lost+int(l)
				is, says := float64(g)/float64(a), float64(l)/float64(c+l)
				if is == 0 && says != 0 || math.Abs(is-says) > 0.01+0.2*share {
					t.Errorf("%s: %.2f %% of the payload dropped, estimated %.2f %%", filepath.Base(path), 100*is, 100*says)
				}
			}
		}
		is, says := float64(gone)/float64(all), float64(lost)/float64(came+lost)
		t.Logf("frames dropped %2.0f %%: %.3f %% of the payload, estimated %.3f %%", 100*share, 100*is, 100*says)
		if math.Abs(is-says) > 0.1*share {
			t.Errorf("frames dropped %2.0f %%: %.3f %% of the payload, estimated %.3f %%", 100*share, 100*is, 100*says)
		}
	}
}

// TestLossKnown: captures that lost frames when they were made are told from those that did not. acks is how many
// acknowledgements of data that is not there tshark 4.0 finds (tcp.analysis.ack_lost_segment).
func TestLossKnown(t *testing.T) {
	f := func(name string, acks int) {
		t.Helper()
		_, lost := estimate(load(t, filepath.Join(capturetest.Shared(t), name)), func(int) bool { return false })
		if (lost > 0) != (acks > 0) {
			t.Errorf("%s: %d octets lost, want some as %d acknowledgements say", name, lost, acks)
		}
	}
	f("app-netflix--ndpi.pcap", 114)
	f("app-bittorrent--ndpi.pcap", 23)
	f("encap-erspan--zeek.pcap", 9)
	f("lan-cafe_composite_a--derived.pcap", 251)
	f("lan-iot_lan_day_2016_08_22--derived.pcap", 30)
	f("lan-iot_lan_day_2016_09_05--derived.pcap", 5)
	f("lan-iot_lan_day_2016_09_07--derived.pcap", 0)
	f("lan-wechat--ndpi.pcap", 11)
	f("game-starcraft_battle--ndpi.pcap", 0)
}
