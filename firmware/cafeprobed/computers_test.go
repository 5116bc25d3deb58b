package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/config"
	"cafeprobe/uplink"
)

// mainboard is a UUID (RFC 4578 §2.3: a type octet, then 16) as DHCP has it.
var mainboard = append([]byte{0}, []byte("\x4c\x4c\x45\x44\x00\x42\x35\x10\x80\x56\xb4\xc0\x4f\x4a\x31\x32")...)

// diskless returns what a box hears of a PC with that mainboard that boots from the network at a time and asks for the router for 20
// minutes.
func diskless(t *testing.T, at time.Duration, pc capturetest.Host) *frames {
	t.Helper()
	option := layers.NewDHCPOption
	d := &layers.DHCPv4{
		Operation: layers.DHCPOpRequest, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: 7, ClientHWAddr: pc.MAC[:],
		ClientIP: net.IPv4zero, YourClientIP: net.IPv4zero, NextServerIP: net.IPv4zero, RelayAgentIP: net.IPv4zero,
		Options: layers.DHCPOptions{
			option(layers.DHCPOptMessageType, []byte{byte(layers.DHCPMsgTypeDiscover)}),
			option(layers.DHCPOptClassID, []byte("PXEClient:Arch:00007:UNDI:003016")), option(97, mainboard), option(layers.DHCPOptEnd, nil),
		},
	}
	buf := gopacket.NewSerializeBuffer()
	if err := d.SerializeTo(buf, gopacket.SerializeOptions{FixLengths: true}); err != nil {
		t.Fatal(err)
	}
	from := capturetest.Host{MAC: pc.MAC, Addr: netip.IPv4Unspecified()}
	to := capturetest.Host{MAC: capture.Broadcast, Addr: netip.AddrFrom4([4]byte{255, 255, 255, 255})}
	list := frames{capturetest.Frame(capturetest.UDP(t, from, to, 68, 67, buf.Bytes()))}
	for s := time.Second; s < 20*time.Minute; s += 30 * time.Second {
		f := capturetest.Frame(capturetest.ARP(t, 1, pc, capturetest.Router()))
		f.Time += int64(s)
		list = append(list, f)
	}
	for i := range list {
		list[i].Time += int64(at)
	}
	return &list
}

// TestComputersOverARestart: a computer whose card was changed while the daemon was not running is told of as the one it was. What
// is kept names neither mainboard nor card.
func TestComputersOverARestart(t *testing.T) {
	id := newBox(t).id
	d := &daemon{
		cfg:  config.Config{Dir: t.TempDir(), Cafe: config.Cafe{Vantage: "auto", Summary: config.Duration(time.Minute)}},
		log:  slog.New(slog.DiscardHandler),
		port: &port{},
	}
	opened := func(at time.Duration, pc capturetest.Host) (list []uplink.StationID) {
		t.Helper()
		for _, body := range tells(t, d, id, diskless(t, at, pc)) {
			if o, ok := body.(*uplink.Open); ok {
				list = append(list, o.Station)
			}
		}
		return list
	}
	f := func(name string, got []uplink.StationID, of capturetest.Host) {
		t.Helper()
		if want := []uplink.StationID{uplink.NewStationID(id.Secret, of.MAC)}; !slices.Equal(got, want) {
			t.Errorf("%s: sessions of %v, want one of %v", name, got, want)
		}
	}
	a, b, c := capturetest.PC(1), capturetest.PC(2), capturetest.PC(3)
	f("a computer", opened(0, a), a)
	f("with another card", opened(time.Hour, b), a)
	f("in its second life with that", opened(2*time.Hour, b), a)
	f("with a third", opened(3*time.Hour, c), a)

	path := filepath.Join(d.cfg.Dir, computersFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.ReplaceAll(strings.ToLower(string(text)), "-", "")
	for _, secret := range [][]byte{mainboard[1:], a.MAC[3:], b.MAC[3:], c.MAC[3:]} {
		if strings.Contains(strings.ReplaceAll(plain, ":", ""), hex.EncodeToString(secret)) || bytes.Contains(text, secret) {
			t.Errorf("%s holds %x in clear", text, secret)
		}
	}
	if got := loadComputers(d.cfg.Dir, "another1", d.log); got != nil {
		t.Errorf("%+v is read of another chain, want nothing", got)
	}
	for _, broken := range []string{"", "{", "[]", string(text[:len(text)/2]), string(text) + strings.Repeat(" ", maxComputersFile)} {
		if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := loadComputers(d.cfg.Dir, id.Chain, d.log); got != nil {
			t.Errorf("%.20q: %+v is read, want nothing", broken, got)
		}
	}
	f("where what was kept is lost", opened(4*time.Hour, c), c)
}

// FuzzComputers: what is read of the card is bounded, holds keys alone, and is written again as it was.
func FuzzComputers(f *testing.F) {
	const chain = uplink.ChainID("chain123")
	card := func(n byte) string { return string(uplink.NewStationID([32]byte{}, capture.MAC{2, 0, 0, 0, 0, n})) }
	key := keys([32]byte{}).Computer("4c4c4544-0042-3510-8056-b4c04f4a3132")
	f.Add(fmt.Appendf(nil, `{"v":1,"ch":%q,"computers":[{"key":%q,"card":%q,"was":[%q],"age":3}]}`, chain, key, card(1), card(2)))
	twice := `{"v":1,"ch":%[1]q,"computers":[{"key":%[2]q,"card":%[3]q},{"key":%[2]q,"card":%[3]q}]}`
	f.Add(fmt.Appendf(nil, twice, chain, key, card(1)))
	f.Add(fmt.Appendf(nil, `{"v":2,"ch":%q,"computers":null}`, chain))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := decodeComputers(b, chain)
		if err != nil && list != nil {
			t.Fatalf("%d computers and error %v", len(list), err)
		}
		for _, k := range list {
			if len(list) > maxComputers || len(k.Was) > maxFormerCards || !uplink.StationID(k.Card).Valid() {
				t.Fatalf("%d computers, %+v among them", len(list), k)
			}
		}
		text, err := encodeComputers(chain, list)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeComputers(text, chain)
		same := func(a, b cafe.Computer) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
		if err != nil || !slices.EqualFunc(again, list, same) {
			t.Fatalf("%+v, written and read again: %+v, %v", list, again, err)
		}
	})
}
