package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"time"

	"cafeprobe/tools/province"
	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/province/mosquitto"
	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
)

// openCA opens the CA of the province in dir, which must be there.
func openCA(dir string) (*ca.CA, error) {
	path := filepath.Join(dir, province.CADir)
	if _, err := os.Stat(filepath.Join(path, ca.RootFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no CA: run 'cafeprobe province --dir %s --tls HOST:PORT' once, which makes it", path, dir)
	}
	return ca.Open(path, "", ca.Config{})
}

type claimCmd struct {
	Dir    string        `required:"" help:"The province's folder."`
	Life   time.Duration `default:"168h" help:"For how long the code can be used."`
	NewKey bool          `help:"The box may come with another chain key than the one it is bound to: its card was replaced."`
	Box    string        `arg:"" name:"BOX" help:"The box's id, as in b-7f3a91c2."`
}

// Run prints a new claim code and nothing else.
func (c *claimCmd) Run() error {
	if err := notReplaced(c.Dir, c.Box); err != nil {
		return err
	}
	authority, err := openCA(c.Dir)
	if err != nil {
		return err
	}
	code, err := authority.NewClaim(uplink.BoxID(c.Box), c.Life, c.NewKey)
	if err := errors.Join(err, authority.Close()); err != nil {
		return err
	}
	fmt.Println(code)
	return nil
}

type revokeCmd struct {
	Dir    string `required:"" help:"The province's folder."`
	Reason string `default:"" help:"For the register."`
	What   string `arg:"" name:"BOX|SERIAL" help:"A box's or client's name, for all its certificates, or the serial of one."`
}

// Run revokes. A province that runs disconnects the box within a second.
func (c *revokeCmd) Run() error {
	authority, err := openCA(c.Dir)
	if err != nil {
		return err
	}
	return errors.Join(authority.Revoke(c.What, c.Reason), authority.Close())
}

type mosquittoCmd struct {
	Dir       string   `required:"" help:"The province's folder; a CA is made there where there is none."`
	Name      string   `default:"demo" help:"The province's name in topics."`
	Out       string   `required:"" help:"Where to write the configuration and its certificates."`
	Listen    string   `default:"0.0.0.0:8883" help:"Address for boxes, as host:port."`
	Names     []string `name:"host" help:"Names and addresses under which boxes reach it."`
	Collector []string `help:"Names of collectors' certificates (collector)."`
	Observer  []string `help:"Names of observers' certificates (observer)."`
}

// Run writes a mosquitto's files.
func (c *mosquittoCmd) Run() error {
	name := uplink.Province(c.Name)
	if !name.Valid() {
		return fmt.Errorf("--name %q is no province's name: use a-z, 0-9 and inner hyphens, as in ha-giang", c.Name)
	}
	authority, err := ca.Open(filepath.Join(c.Dir, province.CADir), name, ca.Config{})
	if err != nil {
		return err
	}
	err = mosquitto.Write(c.Out, authority, mosquitto.Config{
		Province: name, Listen: c.Listen, Names: c.Names, Collectors: c.Collector, Observers: c.Observer,
	})
	if err := errors.Join(err, authority.Close()); err != nil {
		return err
	}
	fmt.Printf("mosquitto -c %s\n", filepath.Join(c.Out, mosquitto.ConfigFile))
	return nil
}

// tryMosquittoCmd is `make broker`.
type tryMosquittoCmd struct {
	Listen string `default:"127.0.0.1:8883" help:"Address to listen on."`
}

const (
	tryProvince = uplink.Province("demo")
	tryBox      = uplink.BoxID("b-00000001")
)

// Run runs a mosquitto with certificates of a CA of its own until ctx is done.
func (c *tryMosquittoCmd) Run(ctx context.Context) error {
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			return fmt.Errorf("%w: install it, on Debian: apt-get install mosquitto mosquitto-clients", err)
		}
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cafeprobe-mosquitto-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	me, err := user.Current()
	if err != nil {
		return err
	}
	authority, err := ca.Open(filepath.Join(dir, province.CADir), tryProvince, ca.Config{})
	if err != nil {
		return err
	}
	err = errors.Join(
		mosquitto.Write(dir, authority, mosquitto.Config{Province: tryProvince, Listen: c.Listen, User: me.Username, Verbose: true}),
		giveBox(dir, authority), authority.Close(),
	)
	if err != nil {
		return err
	}
	client := func(program, name string) string {
		return fmt.Sprintf("%s -h %s -p %s --cafile %s/ca.pem --cert %s/%s.pem --key %[4]s/%[6]s.key", program, host, port, dir, dir, name)
	}
	state := uplink.Address{Province: tryProvince, Box: tryBox}.Topic(uplink.UpState)
	fmt.Printf("watch   %s -t 'cafeprobe/v1/%s/#' -v\nspeak   %s -q 1 -t %s -m '{}'\nuntil Ctrl-C\n",
		client("mosquitto_sub", "observer"), tryProvince, client("mosquitto_pub", string(tryBox)), state)
	cmd := exec.CommandContext(ctx, path, "-c", filepath.Join(dir, mosquitto.ConfigFile))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); ctx.Err() == nil {
		return fmt.Errorf("mosquitto ended: %w", err)
	}
	return nil
}

// giveBox puts a box's key and certificate into dir, for the tools that take them from files.
func giveBox(dir string, authority *ca.CA) error {
	code, err := authority.NewClaim(tryBox, 0, false)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	chain, err := authority.Enroll(tryBox, code, &key.PublicKey, make([]byte, 32))
	if err != nil {
		return err
	}
	text, err := ca.EncodeKey(key)
	path := filepath.Join(dir, string(tryBox))
	return errors.Join(err, durable.WriteFile(path+".key", text),
		durable.WriteFile(path+".pem", ca.EncodeCertificates(chain...)))
}
