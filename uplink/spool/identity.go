package spool

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"cafeprobe/uplink"
	"cafeprobe/uplink/durable"
	"cafeprobe/uplink/label"
)

// Identity is who a box is: it makes the chain its own and the pseudonyms stable. It is a file of its own beside the
// spool, written once when the box is provisioned and never with the records, so that it can be copied or destroyed
// separately: without Secret no station id can be traced to a MAC address.
type Identity struct {
	uplink.Address
	Chain       uplink.ChainID
	Secret      [32]byte           // key of the station ids; never leaves the box
	Key         ed25519.PrivateKey // the box's
	ProvinceKey ed25519.PublicKey  // whose receipts count
}

// IdentityFile is the identity's name in the spool's directory.
const IdentityFile = "identity.json"

// ErrIdentity is wrapped by errors for an identity file that is readable by others or does not say what it must.
var ErrIdentity = errors.New("spool: identity")

// NewIdentity makes an identity for the box at a: a new chain, a new secret, a new key pair.
func NewIdentity(a uplink.Address, province ed25519.PublicKey) (Identity, error) {
	id := Identity{Address: a, ProvinceKey: province}
	var chain [6]byte
	rand.Read(chain[:]) // never fails (crypto/rand, Go 1.24)
	rand.Read(id.Secret[:])
	id.Chain = uplink.NewChainID(chain)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	id.Key = key
	return id, id.valid()
}

// Public returns the box's public key.
func (id *Identity) Public() ed25519.PublicKey { return id.Key.Public().(ed25519.PublicKey) }

// Genesis returns the hash that id's chain starts with.
func (id *Identity) Genesis() uplink.Hash { return uplink.Genesis(id.Chain, id.Public()) }

// OwnerCode returns the code of the box's label, with which its owner sets the PIN of the box's page.
func (id *Identity) OwnerCode() string { return label.Code(id.Secret) }

// identityFile is the file: binary values in base64url, Key as its seed (RFC 8032 §5.1.5).
type identityFile struct {
	V           int             `json:"v"`
	Province    uplink.Province `json:"province"`
	Box         uplink.BoxID    `json:"box"`
	Chain       uplink.ChainID  `json:"chain"`
	Secret      string          `json:"secret"`
	Key         string          `json:"key"`
	ProvinceKey string          `json:"province_key"`
}

var b64 = base64.RawURLEncoding.Strict()

// LoadIdentity reads an identity file. It wraps fs.ErrNotExist if there is none, ErrIdentity if its mode lets anybody but
// the owner read it or a value is not what it should be.
func LoadIdentity(path string) (Identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Identity{}, fmt.Errorf("read identity: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Identity{}, fmt.Errorf("%w %s: mode is %v, want 0600: chmod 600 it", ErrIdentity, path, info.Mode())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Identity{}, fmt.Errorf("read identity: %w", err)
	}
	var f identityFile
	if err := json.Unmarshal(b, &f); err != nil {
		return Identity{}, fmt.Errorf("%w %s: %w", ErrIdentity, path, err)
	}
	secret, err1 := b64.DecodeString(f.Secret)
	seed, err2 := b64.DecodeString(f.Key)
	province, err3 := b64.DecodeString(f.ProvinceKey)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Identity{}, fmt.Errorf("%w %s: %w", ErrIdentity, path, err)
	}
	if len(secret) != 32 || len(seed) != ed25519.SeedSize {
		return Identity{}, fmt.Errorf("%w %s: secret or key is not 32 octets", ErrIdentity, path)
	}
	id := Identity{
		Address: uplink.Address{Province: f.Province, Box: f.Box}, Chain: f.Chain, Secret: [32]byte(secret),
		Key: ed25519.NewKeyFromSeed(seed), ProvinceKey: province,
	}
	return id, id.valid()
}

// Save writes id to path, mode 0600, all or nothing. It does not replace a file: the old secret would be lost. It wraps
// fs.ErrExist then.
func (id *Identity) Save(path string) error {
	if err := id.valid(); err != nil {
		return err
	}
	b, err := json.MarshalIndent(identityFile{
		1, id.Province, id.Box, id.Chain, b64.EncodeToString(id.Secret[:]), b64.EncodeToString(id.Key.Seed()),
		b64.EncodeToString(id.ProvinceKey),
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("write identity %s: %w", path, fs.ErrExist)
	}
	return durable.WriteFile(path, append(b, '\n'))
}

func (id *Identity) valid() error {
	switch {
	case !id.Valid():
		return fmt.Errorf("%w: province %q, box %q", ErrIdentity, id.Province, id.Box)
	case !id.Chain.Valid():
		return fmt.Errorf("%w: chain %q", ErrIdentity, id.Chain)
	case len(id.Key) != ed25519.PrivateKeySize || len(id.ProvinceKey) != ed25519.PublicKeySize:
		return fmt.Errorf("%w: a key is not 32 octets", ErrIdentity)
	case id.Secret == [32]byte{}:
		return fmt.Errorf("%w: no secret", ErrIdentity)
	}
	return nil
}
