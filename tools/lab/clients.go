package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	nethttp "net/http"
	"net/netip"
	"strconv"
	"time"

	quicgo "github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/sys/unix"
)

// parts are what this program does in a namespace, started by itself.
var parts = map[string]func(args []string) error{
	"record":  recordPart,
	"witness": witnessPart,
	"serve":   servePart,
	"http3":   http3Part,
	"play":    playPart,
	"ntp":     ntpPart,
	"wake":    wakePart,
	"arp":     arpPart,
	"town":    townPart,
	"agent":   agentPart,
}

// one checks that a part got its one argument.
func one(args []string, what string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: %s", what)
	}
	return nil
}

// http3Part fetches a page over HTTP/3, over IPv6 where the name has an address of it: http3 NAME.
func http3Part(args []string) error {
	if err := one(args, "http3 NAME"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	t := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Dial: dialQUIC}
	defer t.Close()
	req, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodGet, "https://"+args[0]+"/", nil)
	if err != nil {
		return err
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// dialQUIC dials the first address of a name, IPv6 before IPv4.
func dialQUIC(ctx context.Context, addr string, tc *tls.Config, qc *quicgo.Config) (*quicgo.Conn, error) {
	to, err := net.ResolveUDPAddr("udp6", addr)
	if err != nil {
		if to, err = net.ResolveUDPAddr("udp4", addr); err != nil {
			return nil, err
		}
	}
	return quicgo.DialAddr(ctx, to.String(), tc, qc)
}

// playPart plays a game: play SERVER DURATION. A player's moves go out 12 times a second, small, and each is answered. It
// prints how many were sent and received.
func playPart(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: play SERVER DURATION")
	}
	length, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	conn, err := net.Dial("udp", args[0])
	if err != nil {
		return err
	}
	sent, got, err := answered(conn, func() (int, error) { return move(conn, length) })
	fmt.Printf("sent %d received %d\n", sent, got)
	return err
}

// answered has send send datagrams through conn, and closes it. It returns how many those were and how many answers came, and an error
// where more than one in ten was lost.
func answered(conn net.Conn, send func() (int, error)) (sent, got int, err error) {
	received := make(chan int)
	go func() {
		n, buf := 0, make([]byte, 2048)
		for {
			if _, err := conn.Read(buf); err != nil {
				received <- n
				return
			}
			n++
		}
	}()
	sent, err = send()
	time.Sleep(200 * time.Millisecond) // the last answer
	conn.Close()
	if got = <-received; err == nil && got < sent*9/10 {
		err = fmt.Errorf("of %d datagrams only %d were answered", sent, got)
	}
	return sent, got, err
}

// move sends a player's moves and returns how many.
func move(conn net.Conn, length time.Duration) (sent int, err error) {
	const moves = 12 // a second
	tick := time.NewTicker(time.Second / moves)
	defer tick.Stop()
	b := make([]byte, 96)
	for end := time.Now().Add(length); time.Now().Before(end); <-tick.C {
		binary.BigEndian.PutUint16(b, rand.N[uint16](1<<15))
		binary.BigEndian.PutUint32(b[2:], uint32(sent))
		if _, err := conn.Write(b[:30+rand.N(40)]); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}

// ntpPart asks for the time: ntp NAME.
func ntpPart(args []string) error {
	if err := one(args, "ntp NAME"); err != nil {
		return err
	}
	conn, err := net.DialTimeout("udp", net.JoinHostPort(args[0], "123"), 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	b := make([]byte, 48)
	b[0] = 4<<3 | 3 // version 4, client (RFC 5905 §7.3)
	binary.BigEndian.PutUint64(b[40:], ntpTime(time.Now()))
	if _, err := conn.Write(b); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	_, err = conn.Read(b)
	return err
}

// wakePart sends a Wake-on-LAN packet as the tools do, to UDP port 9 of everybody: wake MAC.
func wakePart(args []string) error {
	if err := one(args, "wake MAC"); err != nil {
		return err
	}
	mac, err := net.ParseMAC(args[0])
	if err != nil {
		return err
	}
	b := []byte{255, 255, 255, 255, 255, 255}
	for range 16 {
		b = append(b, mac...)
	}
	conn, err := net.Dial("udp4", "255.255.255.255:9")
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write(b)
	return err
}

// arpPart probes an address three times and announces it, as Windows does with a new lease (RFC 5227 §2.1, §2.3):
// arp DEV ADDR.
func arpPart(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: arp DEV ADDR")
	}
	ifc, err := net.InterfaceByName(args[0])
	if err != nil {
		return err
	}
	addr, err := netip.ParseAddr(args[1])
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	to := &unix.SockaddrLinklayer{Ifindex: ifc.Index}
	for i := range 4 {
		sender := netip.IPv4Unspecified()
		if i == 3 {
			sender = addr
		}
		if err := unix.Sendto(fd, arpRequest(ifc.HardwareAddr, sender, addr), 0, to); err != nil {
			return err
		}
		time.Sleep(time.Second)
	}
	return nil
}

// arpRequest is a frame to everybody that asks who has target (RFC 826).
func arpRequest(mac net.HardwareAddr, sender, target netip.Addr) []byte {
	b := append([]byte{255, 255, 255, 255, 255, 255}, mac...)
	b = append(b, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1)
	b = append(append(b, mac...), sender.AsSlice()...)
	b = append(append(b, make([]byte, 6)...), target.AsSlice()...)
	return append(b, make([]byte, 60-len(b))...) // the least that Ethernet carries
}

// wakeUp lets a station wake another.
func (l *lab) wakeUp(h, target *host) error {
	l.mu.Lock()
	l.woken = append(l.woken, woken{by: h.station, who: target.station, at: time.Now()})
	l.mu.Unlock()
	return l.short(h, "wake", l.program, "wake", target.mac)
}

// playGame lets a station play until the event's end.
func (l *lab) playGame(h *host, e event) error {
	length := l.scaled(e.until - e.at)
	name := h.name + "-play-" + strconv.Itoa(int(e.at.Seconds()))
	start := time.Now()
	p, err := l.self(h.ns, name, "play", e.what, length.String())
	if err != nil {
		return err
	}
	err = p.wait(length + 10*time.Second)
	l.mu.Lock()
	l.played = append(l.played, played{who: h.station, server: e.what, from: start, to: time.Now(), log: name})
	l.mu.Unlock()
	return err
}
