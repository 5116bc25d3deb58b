package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"cafeprobe/tools/province"
	"cafeprobe/tools/province/ca"
	"cafeprobe/uplink"
)

// provinceCmd is what an officer does on the province's own machine.
type provinceCmd struct {
	Serve  serveCmd  `cmd:"" default:"withargs" help:"Run a province until Ctrl-C: a broker for boxes, and its page."`
	Export exportCmd `cmd:"" help:"Write a box's chain into a file that anybody can check (cafeprobe verify)."`
	Order  orderCmd  `cmd:"" help:"Ask a box to do something: set, maintain, diag, reboot or rotate."`
	Offer  offerCmd  `cmd:"" help:"Offer a firmware to a part of the boxes, or to all."`
	Claim  claimCmd  `cmd:"" help:"Print a new claim code, with which a box gets its certificate."`
	Room   roomCmd   `cmd:"" help:"Write the room file with which a technician makes boxes (cafeprobe provision)."`
	Sites  sitesCmd  `cmd:"" help:"Register which café each box is in, for the page."`
	Revoke revokeCmd `cmd:"" help:"Revoke the certificates of a box."`
	Titles titlesCmd `cmd:"" help:"Sign a table of titles, for boxes to use instead of the one of their firmware."`

	Technician technicianCmd `cmd:"" help:"Make a technician's certificate, with which boxes in use can be given other settings."`

	Replace replaceCmd `cmd:"" help:"Put a new box into the place of a dead one, by the dead one's label."`

	Mosquitto    mosquittoCmd    `cmd:"" help:"Write what a mosquitto needs to be the province's broker."`
	TryMosquitto tryMosquittoCmd `cmd:"" help:"Run a mosquitto with test certificates until Ctrl-C."`
}

type serveCmd struct {
	Dir    string   `required:"" help:"Keep the records and the key of receipts here; it is made where it is absent."`
	MQTT   string   `default:"127.0.0.1:1883" help:"Address for boxes, as host:port; :1883 takes them from everywhere."`
	Web    string   `default:"127.0.0.1:8080" help:"Address of the page, as host:port."`
	TLS    string   `help:"Address for boxes with certificates, as host:port; then --mqtt is for observers."`
	Broker string   `help:"Collect from this broker, as in ssl://host:8883, instead of being one: see province mosquitto."`
	Enroll string   `default:":8443" help:"With --tls or --broker ssl://: address for enrolment over HTTPS, as host:port."`
	Names  []string `name:"host" help:"With --tls: names and addresses under which boxes reach it (127.0.0.1, localhost)."`
	Name   string   `default:"demo" help:"The province's name in topics: a-z, 0-9 and inner hyphens."`

	Releases string `placeholder:"DIR" help:"With --tls or --broker ssl://: serve the folder of cafeprobe release, beside enrolment."`
}

// Run runs a province until ctx is done.
func (c *serveCmd) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *serveCmd) run(ctx context.Context, out io.Writer) error {
	name := uplink.Province(c.Name)
	if !name.Valid() {
		return fmt.Errorf("--name %q is no province's name: use a-z, 0-9 and inner hyphens, as in ha-giang", c.Name)
	}
	trust, err := beyondLoopback(c.MQTT)
	if err != nil {
		return fmt.Errorf("--mqtt %s: %w: want host:port, as in 127.0.0.1:1883", c.MQTT, err)
	}
	if err := brokerURL(c.Broker); err != nil {
		return err
	}
	if c.Releases != "" && c.TLS == "" && !strings.HasPrefix(c.Broker, "ssl://") {
		return errors.New("--releases: boxes take a firmware over HTTPS alone: give --tls too")
	}
	var secure *province.Secure
	if c.TLS != "" || strings.HasPrefix(c.Broker, "ssl://") {
		secure = &province.Secure{MQTT: c.TLS, Enroll: c.Enroll, Names: c.Names}
		trust = false // observers without a certificate are of this machine
	}
	p, err := province.New(province.Config{
		Dir: c.Dir, Province: name, Broker: c.Broker, MQTT: c.MQTT, Web: c.Web, Trust: trust, Secure: secure,
		Releases: c.Releases,
		Log:      slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "page    %s\nboxes   %s\nkey     %s   (province_key of a box's identity.json)\n",
		p.WebURL(), c.boxes(p), base64.RawURLEncoding.EncodeToString(p.PublicKey()))
	if secure != nil {
		fmt.Fprintf(out, "enrol   %s   (boxes trust %s; cafeprobe province claim --dir %s BOX)\n",
			p.EnrollURL(), filepath.Join(c.Dir, province.CADir, ca.RootFile), c.Dir)
	}
	if c.Releases != "" {
		fmt.Fprintf(out, "updates %s   (cafeprobe province offer --dir %s --url URL VERSION)\n", p.ReleaseURL(), c.Dir)
	}
	if trust && c.Broker == "" {
		fmt.Fprintln(out, "warning: boxes are taken from everywhere and show no certificate: give --tls, or use a network that you trust")
	}
	fmt.Fprintln(out, "until Ctrl-C")
	return p.Run(ctx)
}

// boxes says where boxes come to p, and how a person hears them where the broker is p's own.
func (c *serveCmd) boxes(p *province.Province) string {
	if c.Broker != "" {
		return c.Broker
	}
	_, port, err := net.SplitHostPort(p.MQTTAddr())
	if err != nil {
		panic("BUG: " + err.Error())
	}
	url := "tcp://" + p.MQTTAddr()
	if c.TLS != "" {
		url = "ssl://" + p.SecureAddr()
	}
	return fmt.Sprintf("%s   (mosquitto_sub -p %s -t 'cafeprobe/v1/%s/#' -v)", url, port, c.Name)
}

// brokerURL checks --broker. Empty is right: the province is its own.
func brokerURL(text string) error {
	u, err := url.Parse(text)
	if err == nil && text != "" && (u.Scheme != "ssl" && u.Scheme != "tcp" || u.Port() == "" || u.Hostname() == "") {
		err = errors.New("want ssl://host:port, or tcp://host:port for boxes without certificates")
	}
	if err != nil {
		return fmt.Errorf("--broker %s: %w", text, err)
	}
	return nil
}

// beyondLoopback reports whether addr can be reached from other machines.
func beyondLoopback(addr string) (bool, error) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return false, err
	}
	return !a.IP.IsLoopback(), nil
}
