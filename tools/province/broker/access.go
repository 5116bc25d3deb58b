package broker

import (
	"crypto/x509"
	"net/netip"
	"strings"

	"cafeprobe/uplink"
)

// access says who may do what. Over TLS a client is who its certificate's CN says. Without TLS a box shows who it is by
// its user name alone, which is worth something only on a loopback; where boxes have certificates, plain connections are
// for observers.
type access struct {
	province uplink.Province
	trust    bool // take names from anywhere, not only from loopback addresses
	observe  bool // without a certificate nobody is a box
}

// observerPrefix keeps the client ids of observers apart from those of boxes: MQTT 3.1.1 §3.1.4 lets a client push out
// another with the same id, and nobody but a box may do that to a box.
const observerPrefix = "observer/"

// admit returns whether a client may connect, and the box that it is; an empty box is an observer. cert is what the
// client has shown, verified, nil on a plain connection; here and nowhere else a name is taken from it.
func (a access) admit(remote string, cert *x509.Certificate, user, client string) (box uplink.BoxID, ok bool) {
	if cert != nil {
		return named(cert.Subject.CommonName, user, client)
	}
	if !a.trust {
		ap, err := netip.ParseAddrPort(remote)
		if err != nil || !ap.Addr().Unmap().IsLoopback() {
			return "", false
		}
	}
	if user == "" {
		return "", true
	}
	box = uplink.BoxID(user)
	return box, box.Valid() && client == user && !a.observe
}

// named admits the client that name stands for: a box that says so in user name and client id too, or an observer.
func named(name, user, client string) (box uplink.BoxID, ok bool) {
	box = uplink.BoxID(name)
	if !box.Valid() {
		return "", user == "" || user == name
	}
	return box, user == name && client == name
}

// publish reports whether box may publish to topic: only what goes up, and only its own.
func (a access) publish(box uplink.BoxID, topic string) bool {
	t, leaf, _, err := uplink.ParseTopic(topic)
	return err == nil && t == uplink.Address{Province: a.province, Box: box} && strings.HasPrefix(string(leaf), "up/")
}

// subscribe reports whether box may subscribe filter: what comes down to it or to all boxes. An observer, box empty,
// may subscribe anything: it is how an officer watches with the client of his choice.
func (a access) subscribe(box uplink.BoxID, filter string) bool {
	if box == "" {
		return true
	}
	own := strings.TrimSuffix(uplink.Address{Province: a.province, Box: box}.DownFilter(), "#")
	all := "cafeprobe/v1/" + string(a.province) + "/all/down/"
	return strings.HasPrefix(filter, own) || strings.HasPrefix(filter, all)
}
