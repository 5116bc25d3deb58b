package flash

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cafeprobe/firmware/image"
	"cafeprobe/firmware/init/data"
	"cafeprobe/firmware/init/part"
	"cafeprobe/firmware/init/provision"
	"cafeprobe/tools/lang"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// ErrImage is wrapped by the faults of an image that cannot be written.
var ErrImage = errors.New("image")

// Image is what is to be on the card: a disk's image in a file, as it is or compressed (.zst, .xz, .gz, told by its first octets).
type Image struct {
	Path    string
	Size    int64         // octets, not compressed
	Release image.Release // what its manifest says; zero without one

	sum  string // SHA-256 of the manifest, hexadecimal; "" without one
	blob []byte // what is put into it for this box
	at   int64  // and where
}

func badImage(path string, err error) error {
	return refuse(ErrImage, lang.Text{VI: "ảnh %s không dùng được (%v)", EN: "image %s cannot be used (%v)"}, lang.Text{
		VI: "tải lại hoặc tạo lại bằng make image", EN: "fetch it again, or make it anew (make image)",
	}, path, err)
}

// Open opens an image: a file, or the folder that make image made. What is compressed is read once to its end, so that a file that was
// not fetched to its end is found before a card is touched.
func Open(path string) (*Image, error) {
	m := &Image{Path: path}
	if i, err := os.Stat(path); err == nil && i.IsDir() {
		m.Path = filepath.Join(path, image.DiskFile)
	}
	if err := m.manifest(); err != nil {
		return nil, badImage(m.Path, err)
	}
	i, err := os.Stat(m.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(ErrImage, lang.Text{VI: "không có ảnh %s", EN: "there is no image %s"}, lang.Text{
			VI: "tạo bằng make image BOARD=…, hoặc chỉ ra bằng --image", EN: "make it (make image BOARD=…), or name another one (--image)",
		}, m.Path)
	}
	if err != nil {
		return nil, badImage(m.Path, err)
	}
	r, packed, err := m.open()
	if err != nil {
		return nil, badImage(m.Path, err)
	}
	defer r.Close()
	m.Size = i.Size()
	if packed {
		if m.Size, err = io.Copy(io.Discard, r); err != nil {
			return nil, badImage(m.Path, err)
		}
	}
	if m.Size < 2*chunk || m.Size%sector != 0 {
		return nil, badImage(m.Path, fmt.Errorf("%d octets are no card's", m.Size))
	}
	return m, nil
}

// manifest reads what stands beside the image of the disk.
func (m *Image) manifest() error {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(m.Path), image.ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var list image.Manifest
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("%s: %w", image.ManifestFile, err)
	}
	name := filepath.Base(m.Path)
	for _, ext := range []string{".zst", ".xz", ".gz"} {
		name = strings.TrimSuffix(name, ext)
	}
	for _, f := range list.Files {
		if f.Name == name {
			m.Release, m.sum = list.Release, f.SHA256
		}
	}
	return nil
}

type stream struct {
	io.Reader
	close func() error
}

func (s stream) Close() error { return s.close() }

// open returns the image's octets, and whether they were compressed.
func (m *Image) open() (_ io.ReadCloser, packed bool, err error) {
	f, err := os.Open(m.Path)
	if err != nil {
		return nil, false, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	b := bufio.NewReaderSize(f, 1<<20)
	head, err := b.Peek(6)
	if err != nil {
		return nil, false, fmt.Errorf("%w: it is empty", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}): // RFC 8878 §3.1.1
		z, err := zstd.NewReader(b, zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, false, err
		}
		return stream{z, func() error { z.Close(); return f.Close() }}, true, nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		z, err := xz.NewReader(b)
		return stream{z, f.Close}, true, err
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}): // RFC 1952 §2.3.1
		z, err := gzip.NewReader(b)
		return stream{z, f.Close}, true, err
	}
	return stream{b, f.Close}, false, nil
}

// Provision puts a box's own files into the image, where its first start looks for them.
func (m *Image) Provision(files []provision.File) error {
	blob, err := provision.Encode(files)
	if err != nil {
		return refuse(ErrImage, lang.Text{VI: "tệp cấu hình không dùng được (%v)", EN: "the box's files cannot be used (%v)"}, lang.Text{}, err)
	}
	r, _, err := m.open()
	if err != nil {
		return badImage(m.Path, err)
	}
	defer r.Close()
	head := make([]byte, chunk)
	if _, err := io.ReadFull(r, head); err != nil {
		return badImage(m.Path, err)
	}
	p, err := data.Lookup(bytes.NewReader(head), part.State)
	if err != nil {
		return badImage(m.Path, err)
	}
	if provision.Offset+int64(len(blob)) > p.Size {
		return badImage(m.Path, fmt.Errorf("partition %s has %d octets", part.State, p.Size))
	}
	m.blob, m.at = blob, p.Start+provision.Offset
	return nil
}

// patch puts what is for this box into a piece of the image that begins at an octet.
func (m *Image) patch(b []byte, at int64) {
	from, to := max(m.at, at), min(m.at+int64(len(m.blob)), at+int64(len(b)))
	if from < to {
		copy(b[from-at:to-at], m.blob[from-m.at:])
	}
}

// chunks calls next with the image in pieces of chunk octets, the last of them shorter. buffer gives what a piece is read into. The error
// wraps ErrImage where the image is not what its manifest says; what was told until then is not to be trusted.
func (m *Image) chunks(buffer func() ([]byte, error), next func(b []byte, at int64) error) error {
	r, _, err := m.open()
	if err != nil {
		return badImage(m.Path, err)
	}
	defer r.Close()
	h := sha256.New()
	for at := int64(0); at < m.Size; {
		b, err := buffer()
		if err != nil {
			return err
		}
		b = b[:min(int64(len(b)), m.Size-at)]
		if _, err := io.ReadFull(r, b); err != nil {
			return badImage(m.Path, err)
		}
		if m.sum != "" {
			h.Write(b)
		}
		m.patch(b, at)
		if err := next(b, at); err != nil {
			return err
		}
		at += int64(len(b))
	}
	if m.sum != "" && hex.EncodeToString(h.Sum(nil)) != m.sum {
		return badImage(m.Path, errors.New("its SHA-256 is not its manifest's"))
	}
	return nil
}
