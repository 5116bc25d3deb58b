package province

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"cafeprobe/tools/province/broker"
	"cafeprobe/tools/province/ca"
	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/enroll"
	"cafeprobe/tools/province/firmware"
	"cafeprobe/uplink"
)

// CADir is the CA's folder in the province's.
const CADir = "ca"

// enforcePeriod is how often connections that stand are looked at for certificates that have expired under them.
const enforcePeriod = time.Minute

// openSecure opens the CA and the listeners for boxes with certificates, if there are to be any.
func (p *Province) openSecure() (err error) {
	s := p.cfg.Secure
	if s == nil {
		return nil
	}
	if p.ca, err = ca.Open(filepath.Join(p.cfg.Dir, CADir), p.cfg.Province, ca.Config{Life: s.Life, Revoked: p.returned}); err != nil {
		return err
	}
	if p.cfg.Broker == "" {
		if p.mqtts, err = listen(s.MQTT); err != nil {
			return err
		}
	}
	if p.cfg.Releases != "" {
		if p.releases, err = firmware.New(p.cfg.Releases, p.cfg.Log); err != nil {
			return fmt.Errorf("serve releases: %w", err)
		}
	}
	p.enroll, err = listen(s.Enroll)
	return err
}

func (p *Province) names() []string {
	if len(p.cfg.Secure.Names) == 0 {
		return []string{"127.0.0.1", "localhost"}
	}
	return p.cfg.Secure.Names
}

func (p *Province) secure() *broker.Secure {
	if p.ca == nil {
		return nil
	}
	return &broker.Secure{Listener: p.mqtts, TLS: p.ca.TLS(p.names()...), Check: p.ca.Check}
}

func (p *Province) enrolled() collector.Enrolled {
	if p.ca == nil {
		return nil
	}
	return func(box uplink.BoxID) (ed25519.PublicKey, bool) {
		st, ok := p.ca.Box(box)
		return st.Key, ok && st.Live
	}
}

// returned notes that somebody showed a certificate that was revoked, in case its box, or the box's card, was replaced.
func (p *Province) returned(cert *x509.Certificate) {
	if box := uplink.BoxID(cert.Subject.CommonName); p.collector != nil && box.Valid() {
		p.collector.Returned(time.Now(), box, ca.Issued(cert))
	}
}

// serveEnrolment serves boxes that enrol and renew, and returns the server, which does nothing without Secure.
func (p *Province) serveEnrolment(served chan<- error) *http.Server {
	var door http.Handler = enroll.New(p.ca, p.cfg.Log, nil)
	if p.releases != nil {
		enrol, mux := door, http.NewServeMux()
		mux.Handle(firmware.Path, p.releases)
		mux.Handle("/", enrol)
		door = mux
	}
	server := enroll.Server(door, p.cfg.Log)
	if p.ca != nil {
		go func() { served <- server.Serve(enroll.Listener(p.enroll, p.ca.Asking(p.names()...))) }()
	}
	return server
}

// enforce takes over revocations that were made on the command line and disconnects whom they concern. It is called once
// a second.
func (p *Province) enforce(now time.Time) {
	if p.ca == nil {
		return
	}
	changed, err := p.ca.Refresh()
	if err != nil {
		p.cfg.Log.Error("revocations not read", "error", err)
	}
	if changed || now.Sub(p.enforced) >= enforcePeriod {
		p.enforced = now
		p.disconnect()
	}
}

// Revoke ends the certificates of a box or one by its serial, and the connections that stand on them.
func (p *Province) Revoke(nameOrSerial, reason string) error {
	if p.ca == nil {
		return errors.New("revoke: this province has no CA: its boxes have no certificates")
	}
	if err := p.ca.Revoke(nameOrSerial, reason); err != nil {
		return err
	}
	p.disconnect()
	return nil
}

// disconnect ends the connections whose certificates are no longer good, where the broker is ours.
func (p *Province) disconnect() {
	if p.broker != nil {
		p.broker.Enforce()
	}
}

// collectorName is the collector's certificate's name, which a mosquitto's rights go by.
const collectorName = "collector"

// collectorTLS is for a broker that is not ours: a certificate of our own CA, replaced in time. It is nil without Secure.
func (p *Province) collectorTLS() *tls.Config {
	if p.ca == nil {
		return nil
	}
	var pair *tls.Certificate // of one connection after the other, so no lock
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: p.ca.Pool(),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (_ *tls.Certificate, err error) {
			if pair == nil || time.Until(pair.Leaf.NotAfter) < ca.Life/3 {
				pair, err = p.ca.Client(collectorName, ca.Life)
			}
			return pair, err
		},
	}
}

// CA returns the province's CA, nil without Secure.
func (p *Province) CA() *ca.CA { return p.ca }

// SecureAddr returns host:port of the broker for boxes with certificates.
func (p *Province) SecureAddr() string { return p.mqtts.Addr().String() }

// ReleaseURL returns where boxes find the folder of releases.
func (p *Province) ReleaseURL() string { return p.EnrollURL() + firmware.Path }

// EnrollURL returns where boxes enrol.
func (p *Province) EnrollURL() string { return "https://" + p.enroll.Addr().String() }
