package e2e

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cafeprobe/tools/province"
	"cafeprobe/tools/province/ca"
	brokerfiles "cafeprobe/tools/province/mosquitto"
	"cafeprobe/tools/province/mosquitto/mosquittotest"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
	"cafeprobe/uplink/spool"
)

// collectRole runs a province with certificates until its standard input ends, behind the broker at BROKER, with the
// embedded one if that is empty. It prints its key, where boxes enrol, and the address of the broker.
func collectRole() error {
	p, err := province.New(province.Config{
		Dir: os.Getenv("DIR"), Province: bytesBox.Province, Broker: os.Getenv("BROKER"), Secure: &province.Secure{},
	})
	if err != nil {
		return err
	}
	at := p.MQTTAddr()
	if os.Getenv("BROKER") == "" {
		at = p.SecureAddr()
	}
	fmt.Println(base64.StdEncoding.EncodeToString(p.PublicKey()), p.EnrollURL(), at)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return p.Run(ctx)
}

// peers are a province as a process of its own and the broker that boxes reach it by, all over TLS 1.3.
type peers struct {
	name    string // of the broker
	dir     string // the province's
	broker  string // ssl://host:port
	brokers string // pid of a broker of its own; empty: it is in the province
	*player        // the province
	key     ed25519.PublicKey
	enroll  string
	authority
}

// authority is the province's CA, opened beside the province.
type authority struct{ *ca.CA }

func (p *peers) pid() string { return strconv.Itoa(p.cmd.Process.Pid) }

// openAuthority opens, or makes, the CA of the province in dir.
func openAuthority(b *testing.B, dir string) authority {
	b.Helper()
	c, err := ca.Open(filepath.Join(dir, province.CADir), bytesBox.Province, ca.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return authority{c}
}

// newPeers starts a province behind name, "mosquitto" or "embedded".
func newPeers(b *testing.B, name string) *peers {
	b.Helper()
	p := &peers{name: name, dir: filepath.Join(b.TempDir(), "province")}
	p.authority = openAuthority(b, p.dir)
	if name == "mosquitto" {
		p.broker, p.brokers = p.mosquitto(b)
	}
	p.player = start(b, "", "collect", "DIR="+p.dir, "BROKER="+p.broker)
	said := p.says()
	if len(said) != 3 {
		b.Fatalf("the province says %q, want key, enrolment and broker", said)
	}
	key, err := base64.StdEncoding.DecodeString(said[0])
	if err != nil {
		b.Fatal(err)
	}
	p.key, p.enroll, p.broker = key, said[1], "ssl://"+said[2]
	return p
}

// mosquitto starts a mosquitto with the project's own configuration and rights, and returns its URL and pid.
func (a authority) mosquitto(b *testing.B) (url, pid string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	dir := filepath.Join(b.TempDir(), "mosquitto")
	user := "" // root's mosquitto changes to another user, who cannot read the test's folder
	if os.Geteuid() == 0 {
		user = "root"
	}
	if err := brokerfiles.Write(dir, a.CA, brokerfiles.Config{Province: bytesBox.Province, Listen: addr, User: user}); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(mosquittotest.Program(b, "mosquitto"), "-c", filepath.Join(dir, brokerfiles.ConfigFile))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if b.Failed() {
			b.Logf("mosquitto said: %s", log.String())
		}
	})
	until(b, 10*time.Second, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return "ssl://" + addr, strconv.Itoa(cmd.Process.Pid)
}

// newBox enrols the box with this number, as a real one does, and returns its folder, identity and credential.
func (p *peers) newBox(b *testing.B, number int) (dir string, id spool.Identity, cred *credential.Credential) {
	b.Helper()
	box := uplink.BoxID(fmt.Sprintf("b-%08x", number))
	dir = filepath.Join(b.TempDir(), string(box))
	id, err1 := spool.NewIdentity(uplink.Address{Province: bytesBox.Province, Box: box}, p.key)
	claim, err2 := p.NewClaim(box, time.Hour, false)
	tls := filepath.Join(dir, "tls")
	err := errors.Join(err1, err2, os.MkdirAll(tls, 0o700))
	if err != nil {
		b.Fatal(err)
	}
	err1 = id.Save(filepath.Join(dir, spool.IdentityFile))
	err2 = os.WriteFile(filepath.Join(tls, credential.CAFile), p.Root(), 0o600)
	if err := errors.Join(err1, err2); err != nil {
		b.Fatal(err)
	}
	if cred, err = credential.Open(tls, credential.Config{Box: box, Key: id.Public(), Now: time.Now}); err != nil {
		b.Fatal(err)
	}
	if err := cred.Enroll(b.Context(), p.enroll, claim); err != nil {
		b.Fatal(err)
	}
	return dir, id, cred
}
