package sight

import (
	"cafeprobe/capture"
	"cafeprobe/capture/title"
	"cafeprobe/tools/sim"
	"cafeprobe/tools/sim/wire"
)

// titleOf returns what the hot side takes a flow for that begins with a: by the name that it says, else by its payload and
// where it goes to. Zero is for what no row of the table knows.
func titleOf(t *title.Table, r *sim.Room, a *sim.Act) title.ID {
	if a.Name != "" {
		return t.Name(a.Name)
	}
	h := capture.Header{
		Proto: 17, Src: capture.AddressOf(r.Stations[a.Who].Addr), Dst: capture.AddressOf(a.Addr), SrcPort: a.Port,
		DstPort: a.PeerPort,
	}
	if a.TCP {
		h.Proto = 6
	}
	id, _ := t.Shape(&h, wire.First(a))
	return id
}
