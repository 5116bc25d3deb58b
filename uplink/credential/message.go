package credential

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	"cafeprobe/uplink"
)

// The paths below the province's enrolment address; both are POST, JSON in and out.
const (
	EnrollPath = "/enroll"
	RenewPath  = "/renew"
)

// MaxBody bounds requests and answers, in octets.
const MaxBody = 16 << 10

// Version is the field v of requests and answers.
const Version = 1

// Request is the body of POST /enroll; of POST /renew, which is sent under the certificate that is to be replaced, only
// V and CSR count.
type Request struct {
	V     int          `json:"v"`
	Box   uplink.BoxID `json:"box,omitempty"`
	Claim string       `json:"claim,omitempty"`
	CSR   []byte       `json:"csr"` // PKCS #10, DER; in JSON base64
	Key   uplink.Key   `json:"key"` // the box's chain's
}

// Answer is the body of every answer: Cert on success, else Error, one of the words below.
type Answer struct {
	V     int    `json:"v"`
	Cert  string `json:"cert,omitempty"` // PEM: the box's certificate and the issuing one
	Error string `json:"error,omitempty"`
}

// The words of Answer.Error.
const (
	WordMalformed = "malformed"    // the request
	WordClaim     = "claim"        // no such claim code for this box
	WordUsed      = "claim-used"   // by another key
	WordExpired   = "claim-over"   // its time
	WordBound     = "key-bound"    // the box is bound to another chain key
	WordIdentity  = "certificate"  // none shown, or not one of this province's
	WordRevoked   = "revoked"      // the certificate shown
	WordGrace     = "too-late"     // it expired more than the grace ago
	WordSlow      = "slow-down"    // too many attempts
	WordFailed    = "out-of-order" // the province itself
)

// advice says to the technician what to do about each word.
var advice = map[string]string{
	WordMalformed: "box and province do not understand each other: update the older of the two",
	WordClaim:     "the claim code is not one for this box: check the code and the box id, or ask for a new code",
	WordUsed:      "the claim code was used: ask for a new one, and ask who used it",
	WordExpired:   "the claim code's time is over: ask for a new one",
	WordBound:     "the province knows this box with another chain key: if its card was replaced, ask for a claim code that allows it",
	WordIdentity:  "the province does not know the box's certificate: enrol it with a claim code",
	WordRevoked:   "the box's certificate was revoked: ask the province why, then enrol with a claim code",
	WordGrace:     "the certificate expired too long ago to be renewed: enrol with a claim code",
	WordSlow:      "too many attempts: wait a quarter of an hour",
	WordFailed:    "the province's server has an error of its own: try later, its log says more",
}

// ErrMalformed is wrapped by the errors of Parse.
var ErrMalformed = errors.New("credential: malformed request")

// Parse reads the body of a request, at most MaxBody octets, and the key that the request is for. The key is P-256 and
// whoever made the request has its private half.
func Parse(b []byte) (r Request, key *ecdsa.PublicKey, err error) {
	if len(b) > MaxBody {
		return Request{}, nil, fmt.Errorf("%w: more than %d octets", ErrMalformed, MaxBody)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return Request{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if r.V != Version {
		return Request{}, nil, fmt.Errorf("%w: version %d, want %d", ErrMalformed, r.V, Version)
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return Request{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	key, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return Request{}, nil, fmt.Errorf("%w: the key is not P-256", ErrMalformed)
	}
	if err := csr.CheckSignature(); err != nil {
		return Request{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return r, key, nil
}
