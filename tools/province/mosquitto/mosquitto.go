// Package mosquitto writes what a mosquitto needs to be a province's broker: configuration, rights, certificates, CRL.
package mosquitto

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"cafeprobe/tools/province/ca"
	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

//go:embed mosquitto.conf.tmpl acl.tmpl
var files embed.FS

var templates = template.Must(template.ParseFS(files, "*.tmpl"))

// Config configures a mosquitto. Province is required.
type Config struct {
	Province   uplink.Province
	Listen     string   // host:port; empty means 0.0.0.0:8883
	Names      []string // under which boxes reach it; none means the host of Listen
	Collectors []string // certificates' names; none means "collector"
	Observers  []string // the same; none means "observer"
	User       string   // mosquitto changes to when root starts it; empty means its own default, "mosquitto"
	Verbose    bool     // log each connection
}

// life is of certificates that a person puts in place: a year.
const life = 365 * 24 * time.Hour

// The files of a directory that Write fills. A client called NAME has NAME.pem and NAME.key.
const (
	ConfigFile = "mosquitto.conf"
	aclFile    = "acl"
	caFile     = "ca.pem"
	crlFile    = "crl.pem"
)

// Write fills dir, with certificates by c. Clients' certificates that are there and good for another half of their life
// are left alone; all else is written anew.
func Write(dir string, c *ca.CA, cfg Config) error {
	if err := write(dir, c, cfg); err != nil {
		return fmt.Errorf("write a mosquitto's files to %s: %w", dir, err)
	}
	return nil
}

func write(dir string, c *ca.CA, cfg Config) error {
	if cfg.Listen == "" {
		cfg.Listen = "0.0.0.0:8883"
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return err
	}
	if len(cfg.Names) == 0 {
		cfg.Names = []string{host}
	}
	if cfg.Collectors == nil {
		cfg.Collectors = []string{"collector"}
	}
	if cfg.Observers == nil {
		cfg.Observers = []string{"observer"}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	// Files take the folder's group: once it is mosquitto's, so are the keys that are written later.
	if err := errors.Join(os.MkdirAll(dir, 0o750), os.Chmod(dir, 0o750|os.ModeSetgid)); err != nil {
		return err
	}
	server, err := c.Server(life, cfg.Names...)
	if err == nil {
		err = writePair(dir, "server", server)
	}
	for _, name := range append(cfg.Collectors, cfg.Observers...) {
		err = errors.Join(err, client(dir, c, name))
	}
	if err != nil {
		return err
	}
	crl, err := c.CRL()
	if err != nil {
		return err
	}
	data := struct {
		Config
		Dir, Host, Port string
		MaxPacket       int
	}{cfg, dir, host, port, uplink.MaxMessage + 1024}
	for name, text := range map[string]func() ([]byte, error){
		caFile:     func() ([]byte, error) { return c.Bundle(), nil },
		crlFile:    func() ([]byte, error) { return crl, nil },
		ConfigFile: func() ([]byte, error) { return fill("mosquitto.conf.tmpl", data) },
		aclFile:    func() ([]byte, error) { return fill("acl.tmpl", data) },
	} {
		b, err := text()
		if err == nil {
			err = durable.WriteFileMode(filepath.Join(dir, name), b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func fill(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, name, data)
	return b.Bytes(), err
}

// client gives the client called name a certificate, unless it has one that is good.
func client(dir string, c *ca.CA, name string) error {
	if strings.ContainsAny(name, "/+# \n") {
		return fmt.Errorf("client %q: want a name without space, slash, + and #", name)
	}
	path := filepath.Join(dir, name)
	if pair, err := tls.LoadX509KeyPair(path+".pem", path+".key"); err == nil && c.Check(pair.Leaf) == nil &&
		time.Until(pair.Leaf.NotAfter) > life/2 {
		return nil
	}
	pair, err := c.Client(name, life)
	if err != nil {
		return err
	}
	return writePair(dir, name, pair)
}

// writePair writes NAME.key and NAME.pem. mosquitto may run as another user than who runs this, so its group may read
// the key.
func writePair(dir, name string, pair *tls.Certificate) error {
	key, err := ca.EncodeKey(pair.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		return err
	}
	return errors.Join(
		durable.WriteFileMode(filepath.Join(dir, name+".key"), key, 0o640),
		durable.WriteFileMode(filepath.Join(dir, name+".pem"), ca.EncodePair(pair), 0o644),
	)
}
