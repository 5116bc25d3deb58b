package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// What the daemon keeps, of which the console tells the public part.
const (
	identityFile = stateDir + "/identity.json"
	caFile       = stateDir + "/tls/ca.pem"
)

// identity is what of the daemon's file is public.
type identity struct {
	Province, Box, Chain string
	Key                  ed25519.PublicKey
}

// readIdentity reads the daemon's file.
func readIdentity() (identity, error) {
	var f struct {
		Province, Box, Chain string
		Key                  string // the seed (RFC 8032 §5.1.5), base64url
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
	return identity{f.Province, f.Box, f.Chain, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)}, nil
}
