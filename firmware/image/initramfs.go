package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"cafeprobe/firmware/image/cpio"
	"cafeprobe/firmware/image/kmod"

	"github.com/klauspost/compress/zstd"
)

// Release is /etc/release.json of a slot: what it is.
type Release struct {
	Version string    `json:"version"`
	Number  uint64    `json:"number"` // only rises; a box refuses a lower one
	Board   string    `json:"board"`
	Built   time.Time `json:"built"` // of the commit: the same source gives the same octets
	Commit  string    `json:"commit"`
}

// system is all that the first file system holds, which is the whole system.
type system struct {
	init, daemon, updater, fsck []byte
	modules                     []kmod.Module
	data                        []byte // the data partition's file system, empty, compressed by zstd
	board                       []byte // board.json
	root                        []byte // TUF's root.json; nil leaves it out
	release                     Release
}

// folders are where PID 1 mounts, as the kernel has nothing but this file system.
var folders = []string{"proc", "sys", "dev", "run", "tmp", "data"}

// cpio returns the file system as an archive, compressed.
func (s *system) cpio() ([]byte, error) {
	release, err := json.Marshal(s.release)
	if err != nil {
		return nil, err
	}
	files := []cpio.File{
		{Name: "init", Mode: 0o755, Data: s.init},
		{Name: "bin/cafeprobed", Mode: 0o755, Data: s.daemon},
		{Name: "bin/updater", Mode: 0o755, Data: s.updater},
		{Name: "bin/e2fsck", Mode: 0o755, Data: s.fsck},
		{Name: "lib/data.img.zst", Mode: 0o644, Data: s.data},
		{Name: "etc/board.json", Mode: 0o644, Data: s.board},
		{Name: "etc/release.json", Mode: 0o644, Data: append(release, '\n')},
	}
	if s.root != nil {
		files = append(files, cpio.File{Name: "etc/tuf/root.json", Mode: 0o644, Data: s.root})
	}
	var order strings.Builder
	for _, m := range s.modules {
		fmt.Fprintln(&order, m.File)
		files = append(files, cpio.File{Name: "lib/modules/" + m.File, Mode: fs.FileMode(0o644), Data: m.Data})
	}
	files = append(files, cpio.File{Name: "etc/modules", Mode: 0o644, Data: []byte(order.String())})
	var archive bytes.Buffer
	if err := cpio.Write(&archive, files, folders); err != nil {
		return nil, err
	}
	return compress(archive.Bytes())
}

// compress compresses by zstd as the kernel reads it (32-bit checksum and a window of at most 8 MiB), on every machine to the same
// octets: one goroutine cuts blocks alike.
func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(8<<20))
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
