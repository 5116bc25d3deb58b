package checktest

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/capture/capturetest"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// pcs is how many a café has.
const pcs = 12

// cafe is one: a switch, PCs that talk with a server behind the router, and a router with a line to the world.
type cafe struct {
	t      *testing.T
	w      *world
	n      int    // of the case: names and addresses are made of it
	sw     string // namespaces: the switch,
	router string // the router,
	box    string // and the box's
	dir    string
	said   string // by the box: log
}

// newCafe builds a café without a box's program.
func newCafe(t *testing.T, w *world, n int) *cafe {
	t.Helper()
	c := &cafe{t: t, w: w, n: n, dir: t.TempDir()}
	c.sw, c.router, c.box = fmt.Sprintf("s%d", n), fmt.Sprintf("r%d", n), fmt.Sprintf("b%d", n)
	for _, ns := range []string{c.sw, c.router, c.box} {
		namespace(t, ns)
	}
	c.line()
	c.switches()
	return c
}

// line lays the cables from the box's uplink to the router, and from that to the world.
func (c *cafe) line() {
	c.t.Helper()
	far := fmt.Sprintf("w%d", c.n)
	sh(c.t,
		fmt.Sprintf("ip -n %s link add %s type veth peer name wan netns %s", worldName, far, c.router),
		fmt.Sprintf("ip -n %s addr add 10.0.%d.1/24 dev %s", worldName, c.n, far),
		fmt.Sprintf("ip -n %s link set %s up", worldName, far),
		fmt.Sprintf("ip -n %s addr add 10.0.%d.2/24 dev wan", c.router, c.n),
		fmt.Sprintf("ip -n %s link set wan up", c.router),
		fmt.Sprintf("ip -n %s route add default via 10.0.%d.1", c.router, c.n),
		fmt.Sprintf("ip -n %s route add 192.168.%d.0/24 via 10.0.%d.2", worldName, c.n, c.n),
		fmt.Sprintf("ip -n %s link add lan type veth peer name up0 netns %s", c.router, c.box),
		fmt.Sprintf("ip -n %s addr add 192.168.%d.1/24 dev lan", c.router, c.n),
		fmt.Sprintf("ip -n %s link set lan up", c.router),
		fmt.Sprintf("ip -n %s link set up0 up", c.box),
	)
	c.t.Cleanup(func() { _ = exec.Command("ip", "-n", worldName, "link", "delete", far).Run() })
	setting(c.t, c.router, "net/ipv4/ip_forward", "1")
}

// serve lets the router give addresses and names. The names of time servers are those of ntp.
func (c *cafe) serve(ntp []string, args ...string) {
	c.t.Helper()
	args = append([]string{
		"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=",
		"--interface=lan", "--bind-interfaces", "--dhcp-authoritative", "--no-ping", "--dhcp-leasefile=" + filepath.Join(c.dir, "leases"),
		fmt.Sprintf("--dhcp-range=192.168.%d.50,192.168.%d.90,1h", c.n, c.n),
		"--address=/" + provinceHost + "/" + provinceAddr,
	}, args...)
	for i, a := range ntp {
		args = append(args, fmt.Sprintf("--address=/%d.vn.pool.ntp.org/%s", i, a))
	}
	start(c.t, c.router, filepath.Join(c.dir, "dnsmasq.log"), nil, args...)
}

// firewall has the router treat what goes to the world by a rule of nft(8).
func (c *cafe) firewall(rule string) {
	c.t.Helper()
	nft(c.t, c.router, "table ip f {\n chain forward {\n  type filter hook forward priority 0;\n  "+rule+"\n }\n}\n")
}

// switches builds the switch, which learns, and plugs in the router and the box. Whoever is to see a mirror asks for it (mirror).
func (c *cafe) switches() {
	c.t.Helper()
	sh(c.t,
		fmt.Sprintf("ip -n %s link add switch type bridge ageing_time 30000 stp_state 0 mcast_snooping 0", c.sw),
		fmt.Sprintf("ip -n %s link set switch up", c.sw),
		fmt.Sprintf("ip -n %s link add p-box type veth peer name cap0 netns %s", c.sw, c.box),
		fmt.Sprintf("ip -n %s link set p-box up", c.sw),
	)
	c.plug("rt")
}

// plug makes a cable to an end of that name from a port p- of the switch.
func (c *cafe) plug(end string) {
	c.t.Helper()
	sh(c.t,
		fmt.Sprintf("ip -n %s link add p-%s type veth peer name %s", c.sw, end, end),
		fmt.Sprintf("ip -n %s link set p-%s master switch", c.sw, end),
		fmt.Sprintf("ip -n %s link set p-%s up", c.sw, end),
		fmt.Sprintf("ip -n %s link set %s up", c.sw, end),
	)
}

// mirror has the switch send copies of what passes the router's port to the box, in the directions that are named: ingress is what the
// router sends. The box's port is nobody else's then.
func (c *cafe) mirror(directions ...string) {
	c.t.Helper()
	for _, d := range directions {
		nft(c.t, c.sw, fmt.Sprintf("table netdev %s {\n chain c {\n  type filter hook %s device p-rt priority 0;\n  dup to p-box\n }\n}\n", d, d))
	}
}

// plain makes the box's port one as any other.
func (c *cafe) plain() {
	c.t.Helper()
	for _, d := range []string{"ingress", "egress"} {
		_ = exec.Command("nsenter", "--net=/run/netns/"+c.sw, "nft", "delete", "table", "netdev", d).Run() // which may not be there
	}
	sh(c.t, fmt.Sprintf("ip -n %s link set p-box master switch", c.sw))
}

// open lets the PCs talk until the test ends.
func (c *cafe) open() {
	c.t.Helper()
	var router *capturetest.Sender
	var list []*pc
	capturetest.Within(c.t, c.sw, func() { router = capturetest.NewSender(c.t, "rt") })
	for n := byte(1); n <= pcs; n++ {
		end := fmt.Sprintf("pc%d", n)
		c.plug(end)
		p := &pc{t: c.t, host: capturetest.PC(n), router: router}
		capturetest.Within(c.t, c.sw, func() { p.out = capturetest.NewSender(c.t, end) })
		list = append(list, p)
	}
	if err := router.Send(capturetest.ARP(c.t, layers.ARPRequest, capturetest.Router(), capturetest.PC(250))); err != nil {
		c.t.Fatal(err)
	}
	stop := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for i := uint32(0); ; i++ {
			for _, p := range list {
				if err := p.talk(i); err != nil {
					c.t.Errorf("a PC: %v", err)
					return
				}
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	c.t.Cleanup(func() { close(stop); ended.Wait() })
}

// pc is a computer with Windows.
type pc struct {
	t           *testing.T
	host        capturetest.Host
	out, router *capturetest.Sender
}

const asked, answered = 100, 300 // octets a second

// talk sends what there is in its i-th second: a question to a server and the answer, and now and then what Windows calls out.
func (p *pc) talk(i uint32) error {
	server := capturetest.Server()
	up := capturetest.Segment{SrcPort: 50000, DstPort: 443, ACK: true, Seq: asked * i, Ack: answered * i}
	down := capturetest.Segment{SrcPort: 443, DstPort: 50000, ACK: true, Seq: answered * i, Ack: asked * (i + 1)}
	if err := p.out.Send(capturetest.TCP(p.t, p.host, server, up, make([]byte, asked))); err != nil {
		return err
	}
	if err := p.router.Send(capturetest.TCP(p.t, server, p.host, down, make([]byte, answered))); err != nil {
		return err
	}
	var calls [][]byte
	switch turn := (i + uint32(p.host.MAC[5])) % 20; turn {
	case 0:
		calls = append(calls, capturetest.ARP(p.t, layers.ARPRequest, p.host, capturetest.Router()))
	case 5:
		calls = append(calls, capturetest.UDP(p.t, p.host, group, 5355, 5355, []byte(whoIs)))
	case 10:
		calls = append(calls, p.inform())
	}
	for _, f := range calls {
		if err := p.out.Send(f); err != nil {
			return err
		}
	}
	return nil
}

// whoIs asks for the address of "may" (RFC 1035 §4).
const whoIs = "\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03may\x00\x00\x01\x00\x01"

// group is that of names on a link (LLMNR, RFC 4795), everybody all on it.
var (
	group     = capturetest.Host{MAC: capture.MAC{1, 0, 0x5e, 0, 0, 0xfc}, Addr: netip.MustParseAddr("224.0.0.252")}
	everybody = capturetest.Host{MAC: capture.Broadcast, Addr: netip.MustParseAddr("255.255.255.255")}
)

// inform is DHCP's message of a computer that has an address and asks for the rest (RFC 2131 §4.4.3), as Windows does.
func (p *pc) inform() []byte {
	l := &layers.DHCPv4{
		Operation: layers.DHCPOpRequest, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: 1,
		ClientIP: net.IP(p.host.Addr.AsSlice()), ClientHWAddr: p.host.MAC[:],
		Options: layers.DHCPOptions{
			layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(layers.DHCPMsgTypeInform)}),
			layers.NewDHCPOption(layers.DHCPOptHostname, fmt.Appendf(nil, "MAY-%02d", p.host.MAC[5])),
			layers.NewDHCPOption(layers.DHCPOptClassID, []byte("MSFT 5.0")),
			layers.NewDHCPOption(layers.DHCPOptParamsRequest, []byte{1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252}),
		},
	}
	buf := gopacket.NewSerializeBuffer()
	if err := l.SerializeTo(buf, gopacket.SerializeOptions{FixLengths: true}); err != nil {
		panic("BUG: " + err.Error())
	}
	return capturetest.UDP(p.t, p.host, everybody, 68, 67, buf.Bytes())
}
