package release

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"cafeprobe/firmware/update"
)

// Manifest is what is read of the manifest.json that make image writes.
type Manifest struct {
	Release struct {
		update.Release
		Commit string `json:"commit"`
	} `json:"release"`
	Files []struct {
		Name   string     `json:"name"`
		SHA256 update.Sum `json:"sha256"`
	} `json:"files"`
}

// file is a firmware of an image: what one slot takes.
type file struct {
	name, slot string
	data       []byte
	sum        update.Sum
}

// Image is what make image made of a board.
type Image struct {
	Manifest Manifest
	files    []file
}

// ReadImage reads the folder that make image wrote.
func ReadImage(dir string) (*Image, error) {
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	i := &Image{}
	if err := json.Unmarshal(b, &i.Manifest); err != nil {
		return nil, fmt.Errorf("read image: manifest.json: %w", err)
	}
	r := i.Manifest.Release
	if r.Version == "" || r.Number == 0 || r.Board == "" {
		return nil, fmt.Errorf("read image: %q, number %d, of board %q is no release: make image wants RELEASE and NUMBER",
			r.Version, r.Number, r.Board)
	}
	for _, f := range i.Manifest.Files {
		of, ok := map[string]string{"slot.fit": "", "slot-a.efi": "a", "slot-b.efi": "b"}[f.Name]
		if !ok {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			return nil, fmt.Errorf("read image: %w", err)
		}
		if update.Sum(sha256.Sum256(data)) != f.SHA256 {
			return nil, fmt.Errorf("read image: %s is not the file that manifest.json names: make the image anew", f.Name)
		}
		i.files = append(i.files, file{f.Name, of, data, f.SHA256})
	}
	if len(i.files) == 0 {
		return nil, fmt.Errorf("read image: manifest.json names no slot")
	}
	return i, nil
}

// Sums returns the hashes of the files that are signed, by their names.
func (i *Image) Sums() map[string]update.Sum {
	m := map[string]update.Sum{}
	for _, f := range i.files {
		m[f.name] = f.sum
	}
	return m
}

// target returns the path of a file as a target: its version stands in it.
func (i *Image) target(f file) string {
	return i.Manifest.Release.Board + "/" + i.Manifest.Release.Version + "-" + f.name
}
