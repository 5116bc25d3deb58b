package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	nethttp "net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	"cafeprobe/tools/lab/day"

	"github.com/quic-go/quic-go/http3"
)

// order is what the lab tells an agent to do; answer says that it is done.
type (
	order struct {
		ID    int           `json:"id"`
		Do    day.Deed      `json:"do"`
		To    string        `json:"to"`
		For   time.Duration `json:"for"`
		Stale bool          `json:"stale"` // by the day's clock, what the system knew of its neighbours is long forgotten
	}
	answer struct {
		ID  int    `json:"id"`
		Err string `json:"err"`
	}
)

// agent is a computer's programs and its person: it does in a namespace what it reads from its standard input.
type agent struct {
	stays   *nethttp.Client // of programs' connections, which stay
	talks   *nethttp.Client // of a person's, which stay until he leaves
	agents  string          // User-Agent
	key     string          // of the world, which the browser trusts
	phone   bool
	folder  string
	browser *browserOf
	over3   *http3.Transport

	mu  sync.Mutex // the browser, and
	out sync.Mutex
}

// agentPart is an agent: agent KEY FOLDER pc|phone.
func agentPart(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: agent KEY FOLDER pc|phone")
	}
	a := &agent{key: args[0], folder: args[1], phone: args[2] == "phone", stays: client(false), talks: client(false)}
	a.agents = "Microsoft-WNS/10.0"
	if a.phone {
		a.agents = "Dalvik/2.1.0 (Linux; U; Android 14; SM-A155F)"
		a.over3 = &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	}
	fmt.Println(`{}`) // it is there
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		go a.follow(o)
	}
	return lines.Err()
}

// client is an HTTP client that trusts everybody; fresh: with a new connection for each question.
func client(fresh bool) *nethttp.Client {
	return &nethttp.Client{Timeout: 10 * time.Second, Transport: &nethttp.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: fresh, ForceAttemptHTTP2: true,
	}}
}

func (a *agent) follow(o order) {
	if o.Stale {
		_ = exec.Command("ip", "-4", "neigh", "flush", "dev", "eth0").Run()
	}
	x := answer{ID: o.ID}
	err := a.do(o)
	if err != nil {
		x.Err = err.Error()
	}
	text, err := json.Marshal(x)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	a.out.Lock()
	defer a.out.Unlock()
	fmt.Printf("%s\n", text)
}

func (a *agent) do(o order) error {
	switch o.Do {
	case day.Page:
		if a.phone {
			return a.segment(o.To)
		}
		return a.page(o.To)
	case day.Segment:
		return a.segment(o.To)
	case day.Quit:
		return a.quit()
	case day.Say:
		return a.post(a.talks, o.To, 40+rand.N(160))
	case day.Beat:
		return a.post(a.stays, o.To, 40+rand.N(160))
	case day.Search:
		return search()
	case day.Get:
		return a.post(client(true), o.To, 300+rand.N(4000))
	case day.Deed(day.Boot): // whether there is an internet
		return a.get(client(true), "http://"+o.To)
	case day.Download:
		return a.download(o)
	case day.Time:
		return ntpPart([]string{o.To})
	case day.Play:
		return exchange(dayGames[o.To], o.For, moves)
	case day.Talk:
		return exchange(dayGames[o.To], o.For, speech)
	}
	return fmt.Errorf("an agent cannot %q", o.Do)
}

// search asks everybody on the LAN by SSDP, as Windows and browsers do (UPnP Device Architecture 1.1 §1.3.2).
func search() error {
	conn, err := net.Dial("udp4", "239.255.255.250:1900")
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"+
		"ST: urn:dial-multiscreen-org:service:dial:1\r\n\r\n")
	return err
}

// post asks a program's own question and waits for the answer.
func (a *agent) post(c *nethttp.Client, name string, octets int) error {
	req, err := nethttp.NewRequest(nethttp.MethodPost, "https://"+name+"/", bytes.NewReader(noise(octets)))
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", a.agents)
	return finish(c.Do(req))
}

func (a *agent) get(c *nethttp.Client, url string) error {
	req, err := nethttp.NewRequest(nethttp.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", a.agents)
	return finish(c.Do(req))
}

// finish reads an answer to its end.
func finish(resp *nethttp.Response, err error) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// segment gets some seconds of video, 150 kbit/s as at 144 lines: in the browser's page, which asks by QUIC, or by a phone's
// own HTTP/3.
func (a *agent) segment(site string) error {
	name := segments[site]
	if name == "" {
		return fmt.Errorf("%s has no video", site)
	}
	url := fmt.Sprintf("https://%s/seg?kb=%d", name, 120+rand.N(80))
	if !a.phone {
		return a.fetch(url)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return finish(a.over3.RoundTrip(req))
}

// downloadRate is a download's, in KB a second: slower than real ones, for the capture's size.
const downloadRate = 64

// download is a Windows update over HTTP, as it comes.
func (a *agent) download(o order) error {
	kb := int(o.For.Seconds() * downloadRate)
	c := client(true)
	c.Timeout = o.For + 10*time.Second
	return a.get(c, fmt.Sprintf("http://%s/download?size=%d&rate=%d", o.To, kb, downloadRate))
}

// rhythm is how a real-time flow of datagrams goes: how often, how large, and for how long of each so many it rests.
type rhythm struct {
	every         time.Duration
	least, more   int
	talks, silent int // datagrams sent, then left out; 0: never
}

// A game's moves are sent with its ticks (League of Legends: 10 to 30 a second); voice is Opus at 50 packets a second, and
// nothing while nobody talks (RFC 6716 §2.1.9).
var (
	moves  = rhythm{every: time.Second / 12, least: 30, more: 40}
	speech = rhythm{every: 20 * time.Millisecond, least: 70, more: 60, talks: 100, silent: 400}
)

// exchange sends datagrams in a rhythm. The server answers each: one in ten may be lost.
func exchange(server string, length time.Duration, r rhythm) error {
	if server == "" {
		return errors.New("no such server")
	}
	conn, err := net.Dial("udp", server)
	if err != nil {
		return err
	}
	_, _, err = answered(conn, func() (sent int, err error) {
		tick := time.NewTicker(r.every)
		defer tick.Stop()
		for i, end := 0, time.Now().Add(length); time.Now().Before(end); i++ {
			<-tick.C
			if r.silent > 0 && i%(r.talks+r.silent) >= r.talks {
				continue
			}
			b := noise(160)
			b[0] &= 0x7f
			if _, err := conn.Write(b[:r.least+rand.N(r.more)]); err != nil {
				return sent, err
			}
			sent++
		}
		return sent, nil
	})
	return err
}
