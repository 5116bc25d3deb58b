package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"cafeprobe/firmware/config"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// identityOf returns the box's identity. One that has none yet makes it, if the configuration says who it is to be.
func identityOf(cfg *config.Config) (spool.Identity, error) {
	path := filepath.Join(cfg.Dir, spool.IdentityFile)
	id, err := spool.LoadIdentity(path)
	switch {
	case err == nil:
		return id, nil
	case !errors.Is(err, fs.ErrNotExist) || cfg.Box == nil:
		return id, fmt.Errorf("%w (a box is given its identity when it is provisioned)", err)
	}
	key, err := cfg.Box.PublicKey()
	if err != nil {
		return id, err
	}
	if id, err = spool.NewIdentity(uplink.Address{Province: cfg.Box.Province, Box: cfg.Box.ID}, key); err != nil {
		return id, err
	}
	return id, id.Save(path)
}
