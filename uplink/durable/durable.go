// Package durable writes the small files that must survive a power cut: identity, state, keys. It is the one place that
// knows in which order a file and its folder have to be flushed.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile writes b to path, mode 0600: see WriteFileMode.
func WriteFile(path string, b []byte) error { return WriteFileMode(path, b, 0o600) }

// WriteFileMode writes b to path. When it returns nil the file will be there after a power cut; when it does not,
// or the power is cut meanwhile, there is the old file or the new one and nothing in between.
func WriteFileMode(path string, b []byte, mode os.FileMode) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = f.Chmod(mode) // a file that was left over must not lend its mode to a key
	if err == nil {
		_, err = f.Write(b)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err == nil {
		err = SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// SyncDir makes what was created, renamed or removed in dir last through a power cut.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
