package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"cafeprobe/uplink/label"
)

// What the daemon keeps, of which the console tells the public part.
const (
	identityFile = stateDir + "/identity.json"
	caFile       = stateDir + "/tls/ca.pem"
	pageFile     = stateDir + "/owner.pem" // certificate and key of the owner's page
)

// identity is what of the daemon's file is public, and the code that its owner alone is to know.
type identity struct {
	Province, Box, Chain string
	Key                  ed25519.PublicKey
	code                 string // uplink/label
}

// readIdentity reads the daemon's file.
func readIdentity() (identity, error) {
	var f struct {
		Province, Box, Chain string
		Key, Secret          string // the seed (RFC 8032 §5.1.5), base64url
	}
	text, err := readText(identityFile)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		return identity{}, err
	}
	seed, err := base64.RawURLEncoding.DecodeString(f.Key)
	if err != nil || len(seed) != ed25519.SeedSize || strings.ContainsAny(f.Box+f.Chain, "/.") || f.Box == "" {
		return identity{}, fmt.Errorf("%s: no identity", identityFile)
	}
	id := identity{Province: f.Province, Box: f.Box, Chain: f.Chain, Key: ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)}
	secret, err := base64.RawURLEncoding.DecodeString(f.Secret)
	if err == nil && len(secret) == 32 {
		id.code = label.Code([32]byte(secret))
	}
	return id, nil
}
