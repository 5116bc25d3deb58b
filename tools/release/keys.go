// Package release makes the folder that boxes take firmware from: TUF metadata (specification 1.0) with consistent snapshots, and
// the firmware beside them. Boxes believe the root in their image, so the root's keys are what must not be lost or stolen: three,
// kept apart and off line, of which any two sign. The keys of the other roles are replaced by a new root.
//
//	1.root.json 2.root.json …     every root, for boxes that were away
//	timestamp.json N.snapshot.json N.targets.json
//	targets/{board}/{sha256}.{file}
package release

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Roles are those whose keys are on line, where releases are signed.
var Roles = []string{metadata.TARGETS, metadata.SNAPSHOT, metadata.TIMESTAMP}

// Of the root: how many keys there are, and how many sign.
const (
	RootKeys      = 3
	RootThreshold = 2
)

// keySuffix ends the name of a key's file: the seed (RFC 8032 §5.1.5) in base64, one line.
const keySuffix = ".key"

// newKey makes a key in a file that is not there yet.
func newKey(path string) (ed25519.PrivateKey, error) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("make key %s: there is a file of that name", path)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(key.Seed())+"\n"), 0o600)
}

// ReadKey reads a key's file.
func ReadKey(path string) (ed25519.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s is no key: want 32 octets in base64", path)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// roleKey is where the key of a role is.
func roleKey(keys, role string) string { return filepath.Join(keys, role+keySuffix) }

// public returns a key as metadata have it.
func public(key ed25519.PrivateKey) (*metadata.Key, error) {
	return metadata.KeyFromPublicKey(key.Public())
}

// sign signs m with keys, and with no others.
func sign[T metadata.Roles](m *metadata.Metadata[T], keys ...ed25519.PrivateKey) error {
	m.ClearSignatures()
	for _, k := range keys {
		s, err := signature.LoadSigner(k, crypto.Hash(0))
		if err != nil {
			return err
		}
		if _, err := m.Sign(s); err != nil {
			return err
		}
	}
	return nil
}
