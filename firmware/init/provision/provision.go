// Package provision unpacks what the technician wrote for a box beside the image: a small archive in partition state, which needs
// neither a mounted file system nor a console. It is unpacked once, into the data, and then wiped, as it may hold keys.
package provision

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cafeprobe/uplink/durable"
)

// Where the archive is in the partition: behind both copies of the boot state, and far from them.
const (
	Offset = 64 << 10
	Max    = 512 << 10 // octets of the tar archive
)

const (
	magic   = "CPPROV1\n"
	head    = len(magic) + 4 + sha256.Size
	maxFile = 256 << 10
)

// Names are the files that an archive may hold, in the order in which they are put in place: config.json, which makes the box a
// provisioned one, comes last.
var Names = []string{"net.json", "state/identity.json", "state/tls/ca.pem", "state/titles.signed", "config.json"}

// Errors of Read. ErrNone is that of a box whose partition holds no archive.
var (
	ErrNone    = errors.New("provisioning: none")
	ErrArchive = errors.New("provisioning: archive")
)

// File is one of the archive.
type File struct {
	Name string
	Data []byte
}

// Encode returns what is written at Offset: the files as an archive, with its length and checksum in front.
func Encode(files []File) ([]byte, error) {
	body, err := pack(files)
	if err != nil {
		return nil, err
	}
	if _, err := parse(body, Names); err != nil {
		return nil, err // nobody writes what no box takes
	}
	b := binary.BigEndian.AppendUint32([]byte(magic), uint32(len(body)))
	sum := sha256.Sum256(body)
	return slices.Concat(b, sum[:], body), nil
}

// pack returns the files as an archive.
func pack(files []File) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.Name, Mode: 0o600, Size: int64(len(f.Data)), Format: tar.FormatUSTAR}); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrArchive, f.Name, err)
		}
		if _, err := w.Write(f.Data); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrArchive, f.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	return b.Bytes(), nil
}

// Folder reads a box's files from a folder that has them below their names. What else is in it is an error, since it was meant to be on
// the box.
func Folder(dir string) ([]File, error) {
	var files []File
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return nil
		case !slices.Contains(Names, path):
			return fmt.Errorf("%w: %s is none of a box's files: they are %s", ErrArchive, path, strings.Join(Names, ", "))
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		files = append(files, File{path, b})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the box's files from %s: %w", dir, err)
	}
	return files, nil
}

// Read reads the archive of the partition.
func Read(r io.ReaderAt) ([]File, error) {
	h := make([]byte, head)
	if _, err := r.ReadAt(h, Offset); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if string(h[:len(magic)]) != magic {
		return nil, ErrNone
	}
	n := binary.BigEndian.Uint32(h[len(magic):])
	if n > Max {
		return nil, fmt.Errorf("%w: %d octets, of at most %d", ErrArchive, n, Max)
	}
	body := make([]byte, n)
	if _, err := r.ReadAt(body, Offset+int64(head)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	if sha256.Sum256(body) != [sha256.Size]byte(h[len(magic)+4:]) {
		return nil, fmt.Errorf("%w: checksum: it was not written to its end", ErrArchive)
	}
	return parse(body, Names)
}

// parse returns the files in the order of names, which are those that there may be.
func parse(body []byte, names []string) ([]File, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrArchive}, args...)...)
	}
	found := map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(body))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case err != nil:
			return nil, bad("%w", err)
		case h.Typeflag != tar.TypeReg:
			return nil, bad("%.80q is no plain file", h.Name)
		case !slices.Contains(names, h.Name):
			return nil, bad("%.80q is none of a box's files", h.Name)
		case found[h.Name] != nil:
			return nil, bad("%s is there twice", h.Name)
		case h.Size > maxFile:
			return nil, bad("%s has %d octets, of at most %d", h.Name, h.Size, maxFile)
		}
		b, err := io.ReadAll(io.LimitReader(r, maxFile))
		if err != nil {
			return nil, bad("%s: %w", h.Name, err)
		}
		if filepath.Ext(h.Name) == ".json" && !json.Valid(b) {
			return nil, bad("%s is no JSON", h.Name)
		}
		found[h.Name] = append([]byte{}, b...)
	}
	var files []File
	for _, n := range names {
		if b, ok := found[n]; ok {
			files = append(files, File{n, b})
		}
	}
	if len(files) == 0 {
		return nil, bad("it is empty")
	}
	return files, nil
}

// Unpack writes the files below dir, each all or nothing. A power cut leaves some of them; the archive is still there then.
func Unpack(dir string, files []File) error {
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("unpack %s: %w", f.Name, err)
		}
		if err := durable.WriteFile(path, f.Data); err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
	}
	return nil
}

// Partition is what Wipe needs of a partition. *os.File is one.
type Partition interface {
	io.WriterAt
	Sync() error
}

// Wipe overwrites the archive: what it begins with first, so that one that was wiped in part is none.
func Wipe(p Partition) error {
	for _, w := range []struct{ at, n int64 }{{0, 4096}, {4096, int64(head) + Max - 4096}} {
		if _, err := p.WriteAt(make([]byte, w.n), Offset+w.at); err != nil {
			return fmt.Errorf("wipe the provisioning: %w", err)
		}
		if err := p.Sync(); err != nil {
			return fmt.Errorf("wipe the provisioning: %w", err)
		}
	}
	return nil
}
