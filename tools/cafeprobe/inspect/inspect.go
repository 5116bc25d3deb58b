package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/pcapfile"
	"cafeprobe/capture/title"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/pipeline"

	"github.com/google/gopacket/macs"
)

// Config configures a run. The zero Config is valid.
type Config struct {
	Vantage cafe.Grade // given by the technician; empty: judged from the frames
}

// ErrUnreadable is wrapped by Run's error when a capture could not be read to its end. The Document holds what was read.
var ErrUnreadable = errors.New("not read to the end")

// Run runs the captures at paths, "-" for standard input, one after the other through the box's own pipeline.
func Run(ctx context.Context, cfg Config, paths ...string) (*Document, error) {
	titles := title.Builtin()
	notes := newCollector(titles)
	files := &files{paths: paths}
	defer files.close()
	p := pipeline.New(pipeline.Config{
		Cafe:   cafe.Config{Vantage: cfg.Vantage, MaxStations: 1 << 16, History: 1 << 12},
		Titles: titles,
		Tap:    notes.observe,
	})
	err := p.Run(ctx, files)
	doc := build(p, notes, files)
	if err != nil {
		return doc, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return doc, nil
}

// files is a Source that reads captures one after the other.
type files struct {
	paths   []string
	open    *pcapfile.Reader
	links   []string
	done    int
	damaged uint64
	failed  error // the first error; the files after it are read all the same
}

func (f *files) Next(frame *capture.Frame) error {
	one := []capture.Frame{{}}
	_, err := f.Batch(one)
	*frame = one[0]
	return err
}

// Batch hands out frames of one file at a time.
func (f *files) Batch(fs []capture.Frame) (int, error) {
	for {
		if f.open == nil {
			if len(f.paths) == 0 {
				return 0, cmp.Or(f.failed, io.EOF)
			}
			path := f.paths[0]
			f.paths = f.paths[1:]
			r, err := pcapfile.Open(path)
			if err != nil {
				f.fail(err)
				continue
			}
			f.open = r
		}
		n, err := f.open.Batch(fs)
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, io.EOF) {
			f.fail(err)
		}
		f.close()
	}
}

func (f *files) fail(err error) {
	if f.failed == nil {
		f.failed = err
	}
}

func (f *files) close() {
	if f.open == nil {
		return
	}
	f.done++
	f.damaged += f.open.Stats().Damaged
	if link := f.open.Link().String(); !slices.Contains(f.links, link) {
		f.links = append(f.links, link)
	}
	if err := f.open.Close(); err != nil {
		f.fail(err)
	}
	f.open = nil
}

func build(p *pipeline.Pipeline, notes *collector, files *files) *Document {
	c, st := p.Cafe(), p.Stats()
	doc := &Document{
		V: 1,
		Capture: Capture{
			Files: files.done, Frames: st.Frames, Octets: st.Octets, Malformed: st.Malformed, Damaged: files.damaged,
			First: Time(st.First), Last: Time(st.Last), Link: strings.Join(files.links, ","),
		},
		Vantage:  NewVantage(c.Judged()),
		Stations: []Station{},
		Names:    notes.names(),
		Titles:   []Used{},
		Titled:   notes.octets,
		DHCP:     []Lease{},
		Services: notes.services(),
		Agents:   notes.userAgents(),
		Hosts:    notes.named(),
		Wakes:    append([]Wake{}, notes.wakes...),
	}
	holders := c.Holders()
	byStation := used(notes, func(k flowKey) capture.MAC { return k.mac })
	for _, s := range c.Stations() {
		doc.Stations = append(doc.Stations, station(holders, s, notes.leases[s.MAC], byStation[s.MAC], c.BlindTimes(), notes.titles))
	}
	byClient := used(notes, func(k flowKey) netip.Addr { return k.client.Addr() })
	for client, list := range byClient {
		for _, u := range list {
			u.Client = addr(client)
			doc.Titles = append(doc.Titles, u)
		}
	}
	slices.SortFunc(doc.Titles, func(a, b Used) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Title, b.Title))
	})
	for m, l := range notes.leases {
		with := *l
		with.MAC = m.String()
		doc.DHCP = append(doc.DHCP, with)
	}
	slices.SortFunc(doc.DHCP, func(a, b Lease) int { return cmp.Compare(a.MAC, b.MAC) })
	return doc
}

func station(h cafe.Holders, s *cafe.Station, lease *Lease, titles []Used, blind []cafe.Interval, tt *title.Table) Station {
	out := Station{
		MAC: s.MAC.String(), Role: s.Role.String(), Vendor: vendor(s.MAC), OS: s.OS(),
		Addrs: []string{}, Now: []string{}, VLAN: append([]uint16{}, s.VLANs...), Names: []Called{}, DHCP: lease,
		First: Time(s.First), Last: Time(s.Last), Frames: s.Sent.Frames,
		Presence: []Span{}, States: states(s, blind), Sessions: sessions(s, tt), Power: power(s), Titles: append([]Used{}, titles...),
	}
	for _, m := range s.Was {
		out.Was = append(out.Was, m.String())
	}
	for _, a := range s.OwnAddrs() {
		out.Addrs = append(out.Addrs, a.String())
	}
	for _, a := range h.Of(s) {
		out.Now = append(out.Now, a.String())
	}
	for _, n := range s.Names {
		out.Names = append(out.Names, Called{n.Name, n.Origin.String()})
	}
	for _, p := range s.Presence {
		out.Presence = append(out.Presence, Span{Time(p.Start), Time(p.End)})
	}
	return out
}

// vendor names who the address was assigned to (IEEE MA-L), empty for one that is locally administered or not known.
func vendor(m capture.MAC) string {
	if m.IsLocal() {
		return ""
	}
	return macs.ValidMACPrefixMap[[3]byte(m[:3])]
}

// round shortens a duration for a person.
func round(d time.Duration) time.Duration {
	if d > time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
