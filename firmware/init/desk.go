package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"cafeprobe/firmware/init/commission"
	"cafeprobe/firmware/init/crash"
	"cafeprobe/firmware/init/ports"
	"cafeprobe/firmware/init/provision"
	"cafeprobe/uplink/fingerprint"
)

// desk is the box as a technician's laptop finds it: commission.Box.
type desk struct{ *box }

// About says who the box is.
func (d desk) About() commission.Hello {
	h := commission.Hello{Board: d.board.Name, Release: d.release.Version, Ready: d.dataNow().Lasting()}
	_, err := os.Stat(configFile)
	h.Inside = err == nil
	if id, err := readIdentity(); err == nil {
		h.Box, h.Key, h.Fingerprint = id.Box, id.Key, fingerprint.Of(id.Key)
	}
	return h
}

// Open reports whether somebody has held the button a while ago.
func (d desk) Open() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return since() < d.openUntil
}

// Trust takes technicians of the province that the box belongs to.
func (d desk) Trust(chain [][]byte) (commission.Signer, error) {
	text, err := readText(caFile)
	if err != nil {
		return nil, errors.New("the box knows no province yet")
	}
	a := commission.Authority{Root: x509.NewCertPool(), Now: d.release.Built}
	a.Root.AppendCertsFromPEM(text)
	if now := time.Now(); now.After(a.Now) {
		a.Now = now
	}
	return a.Trust(chain)
}

// Label says what goes onto the box's label. The page's certificate is the daemon's, which makes it when it starts.
func (d desk) Label() (commission.Label, error) {
	id, err := readIdentity()
	if err != nil {
		return commission.Label{}, errors.New("the box has made no keys yet")
	}
	if id.code == "" {
		return commission.Label{}, errors.New("the box's identity has no secret")
	}
	l := commission.Label{Box: id.Box, Key: id.Key, Code: id.code}
	text, err := readText(configFile)
	if err != nil {
		return l, err
	}
	page, port, err := pageOf(text)
	if err != nil || !page {
		return l, err
	}
	if text, err = readText(pageFile); err != nil {
		return l, errors.New("the page has no certificate yet")
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return l, errors.New("the page's certificate is none")
	}
	l.Page = fingerprint.Of(block.Bytes)
	if !d.button { // who may have the label is let in here as elsewhere by the button, and the owner stands beside him
		d.openSetup(since(), true)
	}
	d.mu.Lock()
	address, err := netip.ParsePrefix(d.net)
	d.mu.Unlock()
	if err == nil {
		l.Address = "https://" + pageHost(address.Addr(), port)
	}
	return l, nil
}

// httpsPort is the page's port if the daemon's configuration does not say.
const httpsPort = 443

// pageOf reads from a configuration, which the daemon has checked, whether there is an owner's page, and on which port.
func pageOf(config []byte) (page bool, port uint16, err error) {
	var c struct {
		Capture struct {
			File   string
			Shared bool
		}
		Owner struct {
			Off  bool
			Port uint16
		}
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return false, 0, err
	}
	return !c.Owner.Off && c.Capture.File == "" && !c.Capture.Shared, cmp.Or(c.Owner.Port, httpsPort), nil
}

// pageHost is an address as a browser takes it, with a port where that is not https's.
func pageHost(a netip.Addr, port uint16) string {
	host := netip.AddrPortFrom(a, port).String()
	if port == httpsPort {
		host = strings.TrimSuffix(host, fmt.Sprintf(":%d", port))
	}
	return host
}

// checkTime is how long the daemon may take to look at a configuration.
const checkTime = 30 * time.Second

// Check has the daemon look at its configuration, as its user and where nothing is kept.
func (d desk) Check(files []provision.File) error {
	inside := d.About().Inside
	for _, f := range files {
		var err error
		switch f.Name {
		case "net.json":
			_, err = ports.ParseSettings(f.Data)
		case "state/tls/ca.pem":
			err = certificates(f.Data)
		case "config.json":
			inside = true
			err = d.checkConfig(f.Data)
		}
		if err != nil {
			return err
		}
	}
	if !inside {
		return errors.New("config.json is missing: without it the box is no café's")
	}
	return nil
}

// certificates reports whether text is certificates in PEM and nothing else.
func certificates(text []byte) error {
	n := 0
	for len(strings.TrimSpace(string(text))) > 0 {
		block, rest := pem.Decode(text)
		if block == nil {
			return errors.New("ca.pem: want certificates in PEM, and nothing else")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil || block.Type != "CERTIFICATE" {
			return errors.New("ca.pem: a block is no certificate")
		}
		text, n = rest, n+1
	}
	if n == 0 {
		return errors.New("ca.pem: it is empty")
	}
	return nil
}

func (d desk) checkConfig(text []byte) error {
	dir, err := os.MkdirTemp(runDir, "check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "config.json")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, text, 0o644)); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), checkTime)
	defer stop()
	var said crash.Tail
	cmd := exec.CommandContext(ctx, daemonPath, "-config", path, "-check")
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: daemonUser, Gid: daemonUser}}
	if err := d.reaper.Run(cmd); err != nil {
		words := strings.ReplaceAll(strings.TrimSpace(said.Take()), path, "config.json")
		return errors.New(words[:min(len(words), maxWords)])
	}
	return nil
}

// Keep puts the files in place, and has what reads them read them.
func (d desk) Keep(files []provision.File) error {
	err := d.part(files)
	if err == nil {
		err = provision.Unpack(dataDir, files)
	}
	d.event(eventProvision, map[string]any{"files": len(files), "error": words(err)})
	if err != nil {
		return err
	}
	d.log.Info("given over the console", "files", len(files))
	d.try("data", own(dataDir, stateDir))
	select {
	case d.replan <- struct{}{}:
	default:
	}
	d.restartDaemon()
	return nil
}

// pastDir holds what boxes were of which this one was made another: keys, chain, records, to be looked at if somebody asks.
const pastDir = dataDir + "/past"

// part puts away what the box was, if the files make it another: its keys and its chain are not to be gone on with under another name.
// The old configuration goes first, so that nothing begins a chain of that name anew if the power is cut.
func (d desk) part(files []provision.File) error {
	was, err := readIdentity()
	i := slices.IndexFunc(files, func(f provision.File) bool { return f.Name == "config.json" })
	if err != nil || i < 0 {
		return nil // it has not been one, or it stays what it is
	}
	var c struct {
		Box *struct{ Province, ID string }
	}
	if err := json.Unmarshal(files[i].Data, &c); err != nil || c.Box == nil || c.Box.Province == was.Province && c.Box.ID == was.Box {
		return err
	}
	if err := d.forgetSpare(); err != nil {
		return fmt.Errorf("make it another box: %w", err)
	}
	if err := os.Remove(configFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make it another box: %w", err)
	}
	d.endDaemon()
	if err := removeFiles(dataDir, ownerFiles); err != nil { // another box has another owner
		return fmt.Errorf("make it another box: %w", err)
	}
	past := filepath.Join(pastDir, was.Box+"-"+was.Chain)
	if err := errors.Join(os.MkdirAll(pastDir, 0o700), os.Rename(stateDir, past)); err != nil {
		return fmt.Errorf("make it another box: %w", err)
	}
	return nil
}
