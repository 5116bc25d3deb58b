package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	nethttp "net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// townPart is the world of the day behind the router: town. Its pages are of sites of daycast.go. It prints the hash of its key,
// which browsers are told to trust, and who asked for which name.
func townPart(args []string) error {
	if len(args) != 0 {
		return errors.New("usage: town")
	}
	cert, err := certificate()
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return err
	}
	hash := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	ended := make(chan error)
	if err := serveTown(cert, ended); err != nil {
		return err
	}
	fmt.Printf("key\t%s\nserving\n", base64.StdEncoding.EncodeToString(hash[:]))
	return <-ended
}

func serveTown(cert tls.Certificate, ended chan<- error) error {
	web, err := net.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	secure, err := net.Listen("tcp", ":443")
	if err != nil {
		return err
	}
	datagrams, err := net.ListenPacket("udp", ":443")
	if err != nil {
		return err
	}
	plain := &nethttp.Server{Handler: nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		from := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(r.RemoteAddr))
		saw("http_host", from, r.Host)
		saw("user_agent", from, r.UserAgent())
		townPage(w, r)
	})}
	over := &nethttp.Server{Handler: nethttp.HandlerFunc(townPage), TLSConfig: witnessed("sni", cert, "h2", "http/1.1")}
	h3 := &http3.Server{
		Handler: nethttp.HandlerFunc(townPage), TLSConfig: http3.ConfigureTLSConfig(witnessed("quic_sni", cert)),
	}
	go func() { ended <- plain.Serve(web) }()
	go func() { ended <- over.ServeTLS(secure, "", "") }()
	go func() { ended <- h3.Serve(datagrams) }()
	for _, addr := range dayGames {
		if err := serveDatagrams(addr, ended, gameAnswer); err != nil {
			return err
		}
	}
	return serveDatagrams(net.JoinHostPort(ntpAddr, "123"), ended, ntpAnswer)
}

// townPage answers every request: a site's page, a thing that is on it, a segment of video, a program's question, a download.
func townPage(w nethttp.ResponseWriter, r *nethttp.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	switch kb, _ := strconv.Atoi(r.URL.Query().Get("kb")); {
	case r.Method == nethttp.MethodPost: // a heartbeat, a message, telemetry
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(noise(80 + rand.N(240)))
	case r.URL.Path == "/download":
		download(w, r)
	case kb > 0:
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(noise(min(kb, 4096) * 1024))
	case sites[r.Host] != nil:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, sitePage(r.Host))
	default:
		_, _ = w.Write(noise(200))
	}
}

// sitePage is a page as browsers get it: some text, and things from the site's other names and from those that most sites have.
// It is of some 350 KB, a seventh of what pages weigh (HTTP Archive, Web Almanac 2024: 2.6 MB, 71 requests), for the capture's
// size.
func sitePage(host string) string {
	var b strings.Builder
	b.WriteString("<!doctype html><title>" + host + "</title><link rel=icon href=data:,><p>")
	for range 1500 {
		fmt.Fprintf(&b, "%x ", rand.Uint32())
	}
	things := func(from string, n, least, more int) {
		for range n {
			fmt.Fprintf(&b, "<img alt='' src='https://%s/t/%x?kb=%d'>", from, rand.Uint32(), least+rand.N(more))
		}
	}
	for _, from := range sites[host] {
		things(from, 3+rand.N(4), 5, 40)
	}
	for range 2 + rand.N(3) {
		things(shared[rand.N(len(shared))], 1+rand.N(2), 2, 20)
	}
	return b.String()
}

// download sends kb KB at rate KB a second.
func download(w nethttp.ResponseWriter, r *nethttp.Request) {
	kb, _ := strconv.Atoi(r.URL.Query().Get("size"))
	rate, _ := strconv.Atoi(r.URL.Query().Get("rate"))
	if kb < 1 || kb > 1<<16 || rate < 1 {
		nethttp.Error(w, "size or rate", nethttp.StatusBadRequest)
		return
	}
	tick := time.NewTicker(time.Second * 16 / time.Duration(rate))
	defer tick.Stop()
	for sent := 0; sent < kb; sent += 16 {
		<-tick.C
		if _, err := w.Write(noise(16 << 10)); err != nil {
			return
		}
	}
}

// noise is what content looks like that is packed already.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := 0; i+8 <= n; i += 8 {
		x := rand.Uint64()
		for k := range 8 {
			b[i+k] = byte(x >> (8 * k))
		}
	}
	return b
}
