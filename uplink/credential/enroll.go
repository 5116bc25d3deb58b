package credential

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Lifetimes that are believed: a certificate of a year and more is not one that this province issues, one of less than
// an hour would be renewed without end.
const (
	minLife = time.Hour
	maxLife = 400 * 24 * time.Hour
)

const requestTimeout = time.Minute

// Enroll asks the province at url for the first certificate, with the claim code that the technician was given. After a
// lost answer it may be called again with the same code.
func (c *Credential) Enroll(ctx context.Context, url, claim string) error {
	c.renewing.Lock()
	defer c.renewing.Unlock()
	key, err := c.pending()
	if err != nil {
		return fmt.Errorf("enrol %s: %w", c.cfg.Box, err)
	}
	r := Request{Box: c.cfg.Box, Claim: claim}
	copy(r.Key[:], c.cfg.Key)
	if err := c.obtain(ctx, url+EnrollPath, c.anonymous(), key, r); err != nil {
		return fmt.Errorf("enrol %s: %w", c.cfg.Box, err)
	}
	if err := os.Remove(filepath.Join(c.dir, PendingFile)); err != nil {
		return fmt.Errorf("enrol %s: %w", c.cfg.Box, err)
	}
	return nil
}

// Renew asks the province at url for a certificate for a new key, under the present certificate.
func (c *Credential) Renew(ctx context.Context, url string) error {
	c.renewing.Lock()
	defer c.renewing.Unlock()
	if err := c.Ready(); err != nil {
		return fmt.Errorf("renew: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("renew: make a key: %w", err)
	}
	if err := c.obtain(ctx, url+RenewPath, c.TLS(), key, Request{}); err != nil {
		return fmt.Errorf("renew the certificate of %s: %w", c.cfg.Box, err)
	}
	return nil
}

// obtain asks for a certificate for key and keeps it if it is what it must be.
func (c *Credential) obtain(ctx context.Context, url string, cfg *tls.Config, key *ecdsa.PrivateKey, r Request) (err error) {
	r.V = Version
	r.CSR, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: string(c.cfg.Box)},
	}, key)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	answer, err := post(ctx, url, cfg, body)
	if err != nil {
		return err
	}
	chain, err := c.accept(answer, key)
	if err != nil {
		return err
	}
	return c.save(key, chain)
}

// post sends body and returns at most MaxBody octets of the answer, whatever its status.
func post(ctx context.Context, url string, cfg *tls.Config, body []byte) ([]byte, error) {
	if !strings.HasPrefix(url, "https://") {
		return nil, fmt.Errorf("%.200q is no https address: correct uplink.tls.enroll in the configuration", url)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{
		Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true, MaxResponseHeaderBytes: MaxBody},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the province's address is the technician's to change
		},
	}
	resp, err := client.Do(req)
	if err != nil {
		if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
			err = fmt.Errorf("%w: %w", ErrForged, err)
		}
		return nil, fmt.Errorf("%w: %s", err, dialAdvice(err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", url, err)
	}
	if len(answer) > MaxBody {
		return nil, fmt.Errorf("%w: more than %d octets", ErrAnswer, MaxBody)
	}
	return answer, nil
}

// dialAdvice says what to do about a server that was not reached or not believed.
func dialAdvice(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return "the server is not the province's, or " + CAFile + " is of another province"
	case errors.As(err, &name):
		return "set uplink.tls.server_name to the name in the province's certificate"
	case errors.As(err, &invalid):
		return "check the box's clock, then the province's certificate"
	}
	return "check the address, the network and the firewall"
}

// accept takes an answer apart and returns the certificate chain in it if it is good for key.
func (c *Credential) accept(b []byte, key *ecdsa.PrivateKey) ([]*x509.Certificate, error) {
	var a Answer
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("%w: %w: is that the enrolment address?", ErrAnswer, err)
	}
	if a.Error != "" {
		todo, ok := advice[a.Error]
		if !ok {
			todo = "update the box's firmware, which does not know this reason"
		}
		return nil, fmt.Errorf("%w (%.40q): %s", ErrRefused, a.Error, todo)
	}
	if a.V != Version {
		return nil, fmt.Errorf("%w: version %d, want %d: is that the enrolment address?", ErrAnswer, a.V, Version)
	}
	chain, err := parseCertificates([]byte(a.Cert))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if err := c.verify(chain, key, c.now()); err != nil {
		return nil, fmt.Errorf("%w: %w: %w", ErrAnswer, ErrForged, err)
	}
	return chain, nil
}

// verify returns nil if chain is the province's word that key is this box's, at now. The box's clock may be behind: a
// certificate that begins later than now is judged by its own first moment.
func (c *Credential) verify(chain []*x509.Certificate, key *ecdsa.PrivateKey, now time.Time) error {
	leaf := chain[0]
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life < minLife || life > maxLife {
		return fmt.Errorf("a certificate for %v, want %v to %v", life, minLife, maxLife)
	}
	if leaf.Subject.CommonName != string(c.cfg.Box) {
		return fmt.Errorf("the certificate is for %.40q, want %s", leaf.Subject.CommonName, c.cfg.Box)
	}
	if !key.PublicKey.Equal(leaf.PublicKey) {
		return errors.New("the certificate is for another key")
	}
	if leaf.IsCA {
		return errors.New("the certificate is a CA's")
	}
	if now.Before(leaf.NotBefore) {
		now = leaf.NotBefore
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: c.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err
}
