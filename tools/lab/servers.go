package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	nethttp "net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// servePart is the world behind the router (serve world), or the boot server's HTTP (serve boot). It prints every name
// that it was asked for, and by whom: these lines are the truth's witness.
func servePart(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: serve world|boot")
	}
	ended := make(chan error)
	plain := &nethttp.Server{Handler: nethttp.HandlerFunc(plainPage)}
	web, err := net.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	go func() { ended <- plain.Serve(web) }()
	if args[0] == "world" {
		if err := serveWorld(ended); err != nil {
			return err
		}
	}
	fmt.Println("serving")
	return <-ended
}

// saw prints one line of testimony.
func saw(kind string, from net.Addr, name string) {
	ap, err := netip.ParseAddrPort(from.String())
	if err != nil {
		return
	}
	fmt.Printf("saw\t%s\t%s\t%s\n", kind, ap.Addr().Unmap(), name)
}

func plainPage(w nethttp.ResponseWriter, r *nethttp.Request) {
	from := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(r.RemoteAddr))
	saw("http_host", from, r.Host)
	saw("user_agent", from, r.UserAgent())
	size := 200
	switch {
	case r.URL.Path == "/image/disk":
		size = 300_000
	case r.URL.Path == "/image/last":
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Printf("booted\t%s\n", host)
	case strings.HasPrefix(r.URL.Path, "/image/"):
		size = 6000
	}
	_, _ = w.Write(make([]byte, size))
}

// serveWorld serves TLS 1.3, HTTP/3, NTP and three games' datagrams on every address of the namespace.
func serveWorld(ended chan<- error) error {
	cert, err := certificate()
	if err != nil {
		return err
	}
	page := nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { _, _ = w.Write(make([]byte, 1500)) })
	secure, err := net.Listen("tcp", ":443")
	if err != nil {
		return err
	}
	over := &nethttp.Server{Handler: page}
	go func() { ended <- over.Serve(tls.NewListener(secure, witnessed("sni", cert, "http/1.1"))) }()

	datagrams, err := net.ListenPacket("udp", ":443")
	if err != nil {
		return err
	}
	h3 := &http3.Server{Handler: page, TLSConfig: http3.ConfigureTLSConfig(witnessed("quic_sni", cert))}
	go func() { ended <- h3.Serve(datagrams) }()

	for _, addr := range []string{leagueAddr, valorantAddr, fconlineAddr} {
		if err := serveDatagrams(addr, ended, gameAnswer); err != nil {
			return err
		}
	}
	return serveDatagrams(net.JoinHostPort(ntpAddr, "123"), ended, ntpAnswer)
}

// witnessed returns a TLS configuration that tells of every ClientHello's name.
func witnessed(kind string, cert tls.Certificate, protocols ...string) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13, NextProtos: protocols,
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			saw(kind, h.Conn.RemoteAddr(), h.ServerName)
			return nil, nil
		},
	}
}

// certificate makes a certificate that nobody trusts: the lab's clients do not ask.
func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// serveDatagrams answers every datagram at addr.
func serveDatagrams(addr string, ended chan<- error, answer func(b []byte) []byte) error {
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				ended <- err
				return
			}
			if _, err := conn.WriteTo(answer(buf[:n]), from); err != nil {
				ended <- err
				return
			}
		}
	}()
	return nil
}

// gameAnswer is the state of the world after a player's move: a little larger than the move, as servers' datagrams are.
func gameAnswer(b []byte) []byte {
	out := make([]byte, len(b)+int(b[0]%64))
	copy(out, b)
	return out
}

// ntpAnswer answers an NTP client's request (RFC 5905 §7.3).
func ntpAnswer(b []byte) []byte {
	out := make([]byte, 48)
	if len(b) < 48 {
		return out
	}
	out[0], out[1], out[2], out[3] = 4<<3|4, 2, b[2], 0xe9 // version 4, server; stratum 2; poll; precision 2⁻²³ s
	copy(out[12:16], "LAB\x00")
	copy(out[24:32], b[40:48]) // origin: the client's transmit time
	now := ntpTime(time.Now())
	for _, at := range []int{16, 32, 40} { // reference, receive, transmit
		binary.BigEndian.PutUint64(out[at:], now)
	}
	return out
}

// ntpTime is t as an NTP timestamp: seconds since 1900 and their fraction (RFC 5905 §6).
func ntpTime(t time.Time) uint64 {
	const since1900 = 2208988800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}
