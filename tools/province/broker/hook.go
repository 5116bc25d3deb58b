package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"cafeprobe/tools/province/collector"
	"cafeprobe/uplink"
)

// hook stands between the broker and the world: who may connect, who may do what, and no PUBACK before the disk.
type hook struct {
	mqtt.HookBase
	access  access
	check   func(*x509.Certificate) error
	handler Handler
	publish func(collector.Message)
	refused func(what string, cl *mqtt.Client)
}

func (*hook) ID() string { return "cafeprobe" }

func (*hook) Provides(b byte) bool {
	switch b {
	case mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnSessionEstablished, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnWillSent:
		return true
	}
	return false
}

// OnConnect gives observers ids of their own before the broker looks for a session to take over. The will is checked
// here because mochi sends wills without asking OnACLCheck.
func (h *hook) OnConnect(cl *mqtt.Client, pk packets.Packet) error {
	box, ok := h.admit(cl)
	if !ok {
		return nil // OnConnectAuthenticate refuses it with the right code
	}
	cl.Properties.Username = []byte(box) // what the rules go by from here on
	if box == "" {
		cl.ID = observerPrefix + cl.ID
	}
	if pk.Connect.WillFlag && (box == "" || !h.access.publish(box, pk.Connect.WillTopic)) {
		h.refused("will", cl)
		return packets.ErrNotAuthorized
	}
	cl.Properties.Will.WillDelayInterval = 0 // MQTT 5: a will that is delayed would come behind the next connection
	if k := &cl.State.Keepalive; *k == 0 || *k > maxKeepAlive {
		*k = maxKeepAlive // MQTT 3.1.1 §3.1.2.10: a server may end what it takes to be dead, at any time
	}
	return nil
}

func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, _ packets.Packet) bool {
	_, ok := h.admit(cl)
	if !ok {
		h.refused("connection", cl)
	}
	return ok
}

func (h *hook) admit(cl *mqtt.Client) (uplink.BoxID, bool) {
	return h.access.admit(cl.Net.Remote, certificate(cl), string(cl.Properties.Username), cl.ID)
}

// certificate returns what the client has shown in its handshake, nil on a plain connection.
func certificate(cl *mqtt.Client) *x509.Certificate {
	if c, ok := cl.Net.Conn.(*tls.Conn); ok {
		if shown := c.ConnectionState().PeerCertificates; len(shown) > 0 {
			return shown[0]
		}
	}
	return nil
}

// OnSessionEstablished looks at the certificate again: one that was revoked since the handshake may have been so before
// the client was on the list that Enforce goes through.
func (h *hook) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) { h.enforce(cl) }

// enforce ends the connection of a client whose certificate is no longer good.
func (h *hook) enforce(cl *mqtt.Client) {
	cert := certificate(cl)
	if cert == nil || cl.Closed() {
		return
	}
	if err := h.check(cert); err != nil {
		h.refused("certificate", cl)
		cl.Stop(err)
	}
}

func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	box := uplink.BoxID(cl.Properties.Username)
	if !write {
		return h.access.subscribe(box, topic)
	}
	ok := box != "" && h.access.publish(box, topic)
	if !ok {
		h.refused("publish", cl)
	}
	return ok
}

// OnPublish runs before the PUBACK is sent. A message that is not on disk when it returns must not be acknowledged, and
// the broker must not go on with the client as if nothing had happened: the connection ends and the box starts over with
// its hello. A message that will never be accepted is acknowledged and goes nowhere: sending it again would not help, and
// without a receipt the box will not delete it.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	replies, err := h.handler.Handle(time.Now(), collector.Message{Topic: pk.TopicName, Payload: pk.Payload})
	switch {
	case errors.Is(err, collector.ErrRefused):
		return pk, packets.CodeSuccessIgnore
	case err != nil:
		cl.Stop(err)
		return pk, packets.ErrRejectPacket
	}
	for _, m := range replies {
		h.publish(m)
	}
	return pk, nil
}

// OnWillSent hands the will to the collector, since mochi publishes wills without OnPublish.
func (h *hook) OnWillSent(_ *mqtt.Client, pk packets.Packet) {
	// The answer is dropped on purpose: a will has none, and there is nobody to tell of an error, which Handle has logged.
	_, _ = h.handler.Handle(time.Now(), collector.Message{Topic: pk.TopicName, Payload: pk.Payload})
}
