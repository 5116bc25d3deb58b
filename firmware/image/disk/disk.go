// Package disk lays out a box's card: a GPT, what stands before its first partition, and the partitions' content. The same
// content gives the same octets: every identifier is derived from it.
package disk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/google/uuid"
)

// sector is the size of a logical block of every card and disk that the boards have.
const sector = 512

// align is where partitions begin: a multiple of every card's erase block that matters (SD Physical Layer 4.13, table 4-39: up
// to 4 MiB).
const align = 4 << 20

// Type is what a partition is for.
type Type = gpt.Type

// Types of partitions.
var (
	Linux = gpt.LinuxFilesystem
	ESP   = gpt.EFISystemPartition
	Basic = gpt.MicrosoftBasicData
)

// Partition is one part of a disk, in the order they lie in.
type Partition struct {
	Name    string // GPT's name, which Linux shows as PARTNAME
	Type    gpt.Type
	Size    int64 // octets, a multiple of a sector
	Content []byte
	File    string // instead of Content: a file of at most Size octets
	Boot    bool   // the firmware looks here first: attribute 2 (UEFI 2.10 table 5.8)
}

// Raw is what stands outside of all partitions, as Rockchip's boot ROM wants its loader at sector 64.
type Raw struct {
	Offset int64
	Data   []byte
}

// ID derives an identifier from a seed and what it is of (RFC 9562 §5.8: version 8, custom).
func ID(seed, of string) uuid.UUID {
	sum := sha256.Sum256([]byte("cafeprobe disk\x00" + seed + "\x00" + of))
	var id uuid.UUID
	copy(id[:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id
}

// Write makes a disk image at path, sparse where nothing stands.
func Write(path, seed string, raw []Raw, parts []Partition) (err error) {
	first := int64(align)
	for _, r := range raw {
		if r.Offset < 34*sector {
			return fmt.Errorf("lay out %s: %d is inside of the partition table", path, r.Offset)
		}
		first = max(first, up(r.Offset+int64(len(r.Data)), align))
	}
	table := &gpt.Table{
		LogicalSectorSize: sector, PhysicalSectorSize: sector, ProtectiveMBR: true, GUID: strings.ToUpper(ID(seed, "disk").String()),
	}
	at := first
	for i, p := range parts {
		e := &gpt.Partition{
			Index: i + 1, Start: uint64(at / sector), End: uint64((at+p.Size)/sector - 1), Size: uint64(p.Size),
			Type: p.Type, Name: p.Name, GUID: strings.ToUpper(ID(seed, "partition "+p.Name).String()),
		}
		if p.Boot {
			e.Attributes = 1 << 2
		}
		table.Partitions = append(table.Partitions, e)
		at = up(at+p.Size, align)
	}
	size := at + align
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(size); err != nil {
		return err
	}
	w, err := file.New(f, false).Writable()
	if err != nil {
		return err
	}
	if err := table.Write(w, size); err != nil {
		return fmt.Errorf("write the partition table: %w", err)
	}
	for _, r := range raw {
		if _, err := f.WriteAt(r.Data, r.Offset); err != nil {
			return err
		}
	}
	for i, p := range parts {
		if err := p.write(f, int64(table.Partitions[i].Start)*sector); err != nil {
			return fmt.Errorf("write partition %s: %w", p.Name, err)
		}
	}
	return nil
}

func (p *Partition) write(w io.WriterAt, at int64) error {
	b := p.Content
	if p.File != "" {
		var err error
		if b, err = os.ReadFile(p.File); err != nil {
			return err
		}
	}
	if int64(len(b)) > p.Size {
		return fmt.Errorf("%d octets do not fit into %d", len(b), p.Size)
	}
	const block = 64 << 10
	for i := 0; i < len(b); i += block {
		c := b[i:min(i+block, len(b))]
		if bytes.Count(c, []byte{0}) == len(c) {
			continue // a hole
		}
		if _, err := w.WriteAt(c, at+int64(i)); err != nil {
			return err
		}
	}
	return nil
}

func up(n, to int64) int64 { return (n + to - 1) / to * to }

// Ext4 makes an empty file system for the data partition at path. It can grow online to 1 024 times its size (resize_inode,
// mke2fs(8)).
func Ext4(ctx context.Context, path, seed string, size, unix int64) error {
	if err := empty(path, size); err != nil {
		return err
	}
	// mke2fs is Debian's own (priority required), and the only one whose result is the same each time.
	const features = "has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize,ext_attr,dir_index,filetype," +
		"resize_inode,sparse_super,large_file"
	env := []string{fmt.Sprintf("E2FSPROGS_FAKE_TIME=%d", unix), "MKE2FS_CONFIG=/dev/null"}
	return tool(ctx, env, "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "1", "-O", features,
		"-J", "size=8", "-L", "data", "-U", ID(seed, "ext4").String(),
		"-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0,hash_seed="+ID(seed, "ext4 hash").String(), path)
}

// File is one of a FAT file system; Name is its path.
type File struct {
	Name string
	Data []byte
}

// FAT makes a FAT32 file system with files at path. Tools write it: dosfstools and mtools, both held to the time unix.
func FAT(ctx context.Context, path, seed, label string, size, unix int64, files []File) error {
	if err := empty(path, size); err != nil {
		return err
	}
	env := []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", unix), "TZ=UTC", "MTOOLS_SKIP_CHECK=1"}
	id := ID(seed, "fat")
	volume := fmt.Sprintf("%x", id[:4])
	if err := tool(ctx, env, "mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-n", label, "-i", volume, path); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), "fat-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	folders := map[string]bool{".": true}
	for _, f := range slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Name, b.Name) }) {
		if err := mkdir(ctx, env, path, filepath.Dir(f.Name), folders); err != nil {
			return err
		}
		name := filepath.Join(tmp, "file")
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			return err
		}
		if err := tool(ctx, env, "mcopy", "-i", path, name, "::"+f.Name); err != nil {
			return err
		}
	}
	return nil
}

func mkdir(ctx context.Context, env []string, path, dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	if err := mkdir(ctx, env, path, filepath.Dir(dir), made); err != nil {
		return err
	}
	made[dir] = true
	return tool(ctx, env, "mmd", "-i", path, "::"+dir)
}

func empty(path string, size int64) error {
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return err
	}
	return os.Truncate(path, size)
}

// tool runs a command of Debian's; the error says which package has it.
func tool(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(append(os.Environ(), "LC_ALL=C", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin"), env...)
	if _, err := exec.LookPath(name); err != nil {
		if cmd.Path, err = exec.LookPath(filepath.Join("/usr/sbin", name)); err != nil {
			return fmt.Errorf("%s is not installed (packages: e2fsprogs, dosfstools, mtools)", name)
		}
		cmd.Err = nil
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out[max(0, len(out)-400):]))
	}
	return nil
}

// Find returns where a partition of a disk image begins, in octets.
func Find(path, name string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	t, err := gpt.Read(f, sector, sector)
	if err != nil {
		return 0, fmt.Errorf("read the partition table of %s: %w", path, err)
	}
	for _, p := range t.Partitions {
		if p.Name == name {
			return int64(p.Start) * sector, nil
		}
	}
	return 0, fmt.Errorf("%s has no partition %s", path, name)
}
