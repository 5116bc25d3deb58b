package title

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"cafeprobe/capture"
)

// payload is between two ends, "a:p b:p", with octets in hexadecimal.
func payload(t testing.TB, proto uint8, ends, octets string) (*capture.Header, []byte) {
	t.Helper()
	a, b, _ := strings.Cut(ends, " ")
	src, dst := netip.MustParseAddrPort(a), netip.MustParseAddrPort(b)
	text, err := hex.DecodeString(octets)
	if err != nil {
		t.Fatal(err)
	}
	return &capture.Header{
		Proto: proto, Src: capture.AddressOf(src.Addr()), Dst: capture.AddressOf(dst.Addr()), SrcPort: src.Port(), DstPort: dst.Port(),
	}, text
}

func TestShape(t *testing.T) {
	table := Builtin()
	f := func(name string, proto uint8, ends, octets, want string, wantUse Use, wantWay Way) {
		t.Helper()
		h, b := payload(t, proto, ends, octets)
		id, way := table.Shape(h, b)
		if got := table.Title(id); got.Name != want || got.Use != wantUse || way != wantWay {
			t.Errorf("%s: %s, %s, way %d; want %s, %s, %d", name, got.Name, got.Use, way, want, wantUse, wantWay)
		}
	}
	const pc = "192.168.1.21:50000"
	f("A2S_INFO", protoUDP, pc+" 1.2.3.4:27015",
		"ffffffff54536f7572636520456e67696e6520517565727900", "source-engine", Launcher, Unknown)
	f("its answer", protoUDP, "1.2.3.4:27015 "+pc, "ffffffff4911", "source-engine", Launcher, FromServer)
	f("a connect", protoUDP, pc+" 1.2.3.4:27015", "ffffffff7100", "source-engine", Play, FromClient)
	f("VALORANT", protoUDP, pc+" 162.249.72.1:7194", "a49f9c31a032", "valorant", Play, FromClient)
	f("heard from its server first", protoUDP, "162.249.72.1:7194 "+pc, "fc32f90301", "valorant", Play, FromServer)
	f("the same ports elsewhere", protoUDP, pc+" 1.2.3.4:7194", "a49f9c31a032", "", "", Unknown)
	f("League", protoUDP, pc+" 104.160.131.1:5100", "00", "league-of-legends", Play, FromClient)
	f("Riot's ping", protoUDP, pc+" 162.249.72.1:8181",
		"7374f60c72324204ab597f811fcc00876bbc000016e37c4014000000aaaaaaaabbbbbbbb", "riot-games", Launcher, FromClient)
	f("RakNet", protoUDP, pc+" 1.2.3.4:4000", "0500ffff00fefefefefdfdfdfd12345678", "raknet", Play, Unknown)
	f("Bedrock", protoUDP, pc+" 1.2.3.4:19132", "0500ffff00fefefefefdfdfdfd12345678", "minecraft", Play, FromClient)
	f("its list of servers", protoUDP, pc+" 1.2.3.4:19132",
		"01000000000000000100ffff00fefefefefdfdfdfd12345678", "minecraft", Launcher, FromClient)
	f("Roblox", protoUDP, pc+" 128.116.44.33:53385", "7b00ffff00fefefefefdfdfdfd12345678", "roblox", Play, FromClient)
	f("GoldSrc", protoUDP, pc+" 1.2.3.4:27016", "ffffffff6765746368616c6c656e676520737465616d0a", "counter-strike", Play, Unknown)
	f("Java edition", protoTCP, pc+" 1.2.3.4:25565", "1000fb050969"+"2e70206c6179207463dd02", "minecraft", Play, FromClient)
	f("miHoYo elsewhere", protoUDP, pc+" 1.2.3.4:20501", "000000ff0000000000000000499602d2ffffffff", "hoyoverse", Play, Unknown)
	f("STUN", protoUDP, pc+" 1.2.3.4:3478", "000100002112a442000102030405060708090a0b", "stun", Launcher, Unknown)
	f("a length that lies", protoUDP, pc+" 1.2.3.4:3478", "000100042112a442000102030405060708090a0b", "", "", Unknown)
	f("WireGuard", protoUDP, pc+" 1.2.3.4:51820", "01000000"+strings.Repeat("ab", 144), "wireguard", Person, Unknown)
	f("WARP", protoUDP, pc+" 162.159.193.5:2408", "01223344"+strings.Repeat("ab", 144), "warp", Person, FromClient)
	f("BitTorrent", protoTCP, pc+" 1.2.3.4:6881", "13426974546f7272656e742070726f746f636f6c", "bittorrent", Launcher, Unknown)
	f("StarCraft II", protoTCP, "213.248.127.130:1119 "+pc, "421061757468000045", "starcraft2", Play, FromServer)
	f("Discord's call", protoUDP, pc+" 66.22.196.173:50004",
		"000100460000ace3"+strings.Repeat("00", 66), "discord", Play, FromClient)
	f("how far Discord is", protoUDP, pc+" 66.22.196.173:50004", "1337cafe0e000000", "discord", Launcher, Unknown)
	f("TeamSpeak", protoUDP, pc+" 1.2.3.4:9987", "545333494e49543100650000", "teamspeak", Play, Unknown)
	f("another protocol", 132, pc+" 162.249.72.1:7194", "a49f", "", "", Unknown)
	f("no payload", protoTCP, pc+" 162.249.72.1:8446", "", "", "", Unknown)
}

func TestOf(t *testing.T) {
	table := Builtin()
	h, b := payload(t, protoUDP, "192.168.1.21:50000 128.116.44.33:53385", "7b00ffff00fefefefefdfdfdfd12345678")
	id, _ := table.Shape(h, b)
	if got := table.Title(id).Of; got != "raknet" {
		t.Errorf("Roblox is of %q, want raknet", got)
	}
	for i := range table.titles {
		if of := table.titles[i].Of; of != "" && table.Class(of) == "" {
			t.Errorf("%s is of %s, which is no title", table.titles[i].Name, of)
		}
	}
}

// TestScan: whoever tries ports with what scanners send shows no title. A reference tool calls port 1119 StarCraft.
func TestScan(t *testing.T) {
	table := Builtin()
	probes := map[string]string{
		"a line end":       "0d0a0d0a",
		"HTTP":             "474554202f20485454502f312e300d0a0d0a",
		"zeros":            "0000000000000000000000000000000000000000000000000000000000000000",
		"ones":             "ffffffffffffffffffffffffffffffff",
		"a DNS question":   "000010000000000000000000",
		"version.bind":     "0006010000010000000000000776657273696f6e0462696e640000100003",
		"an RPC call":      "72fe1d130000000000000002000186a00001977c0000000000000000000000000000000000000000",
		"an SNMP question": "3082002f02010004067075626c6963a082002002044c33a756020100020100308200103082000c06082b060102010105000500",
		"one octet":        "01",
	}
	for name, octets := range probes {
		for _, proto := range []uint8{protoTCP, protoUDP} {
			h, b := payload(t, proto, "192.168.1.66:40000 203.0.113.9:1", octets)
			for port := range 1 << 16 {
				h.DstPort = uint16(port)
				if id, _ := table.Shape(h, b); id != 0 {
					t.Errorf("%s to port %d of protocol %d shows %s", name, port, proto, table.Title(id).Name)
				}
			}
		}
	}
}

func TestShapeRefuses(t *testing.T) {
	f := func(name, match string, ok bool) {
		t.Helper()
		_, err := Parse("a\tgame\tplay\t" + match + "\tproof\ts\n")
		if ok && err != nil || !ok && !errors.Is(err, ErrTable) {
			t.Errorf("%s: %q: %v, want ok %v", name, match, err, ok)
		}
	}
	f("enough", "udp 0:0102030405", true)
	f("too little for any port", "udp 0:01020304", false)
	f("too little for many ports", "udp port=1000-2000 0:0102", false)
	f("enough for a few", "udp port=1000-1010 0:0102", true)
	f("a port alone", "udp port=1119 len=0-9", false)
	f("a network alone", "udp net=1.2.3.0/24 len=0-9", false)
	f("both", "udp net=1.2.3.0/24 port=1119", true)
	f("both, of half the internet", "udp net=0.0.0.0/1 port=1119", false)
	f("dots are nothing", "udp 0:..........", false)
	f("no protocol", "sctp 0:0102030405", false)
	f("half an octet", "udp 0:01020304050", false)
	f("not hexadecimal", "udp 0:01020304zz", false)
	f("far inside", "udp 999:0102030405", false)
	f("octets beyond the length", "udp len=4 0:0102030405", false)
	f("a host's bits", "udp net=1.2.3.4/24 port=1", false)
	f("ports the wrong way round", "udp port=9-1 0:010203", false)
	f("a size", "udp 0:01020304 4:be16=len-6", true)
	f("a size of no kind", "udp 0:01020304 4:be17=len", false)
	f("way", "udp from=me 0:0102030405", false)
}

func TestShapeDoesNotAllocate(t *testing.T) {
	table := Builtin()
	h, b := payload(t, protoUDP, "192.168.1.21:50000 128.116.44.33:53385", "7b00ffff00fefefefefdfdfdfd12345678")
	if n := testing.AllocsPerRun(1000, func() { table.Shape(h, b) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// FuzzShape: whatever the payload and the table, nothing is read beyond the payload.
func FuzzShape(f *testing.F) {
	f.Add(builtin, []byte("\xff\xff\xff\xffTSource"), true, uint16(27015))
	f.Add("a\tgame\tplay\tudp port=5 0:0102 4:le32=len-2 9:aa.b\tproof\ts\n", []byte("\x01\x02"), true, uint16(5))
	f.Fuzz(func(t *testing.T, text string, b []byte, udp bool, port uint16) {
		table, err := Parse(text)
		if err != nil {
			return
		}
		h := capture.Header{Proto: protoTCP, SrcPort: 50000, DstPort: port}
		if udp {
			h.Proto = protoUDP
		}
		if id, _ := table.Shape(&h, b[:len(b):len(b)]); int(id) > table.Len() {
			t.Errorf("id %d of %d", id, table.Len())
		}
	})
}

func BenchmarkShape(b *testing.B) {
	table := Builtin()
	for _, c := range []struct{ name, octets string }{
		{"none", "5c00ffff00fefefefefdfdfdfd1234567811111111111111"},
		{"zeros", "000000000000000000000000000000000000000000000000000000"},
		{"raknet", "0500ffff00fefefefefdfdfdfd12345678"},
	} {
		b.Run(c.name, func(b *testing.B) {
			h, p := payload(b, protoUDP, "192.168.1.21:50000 1.2.3.4:53385", c.octets)
			b.ReportAllocs()
			for b.Loop() {
				table.Shape(h, p)
			}
		})
	}
}
