package cut

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"cafeprobe/firmware/bootstate"
	"cafeprobe/firmware/init/part"
	"cafeprobe/firmware/slot"
)

// espSize is more than a PC's ESP has, in octets: what is behind it is another partition's, and the file system says how long it is.
const espSize = 192 << 20

// loaders are what a PC's firmware starts, in the ESP: nothing writes to it.
var loaders = []string{"EFI/BOOT/BOOTX64.EFI", "loader/loader.conf"}

// program is a slot's file that systemd-boot takes for a program.
type program struct {
	name    string
	counted bool // it is on trial, or was
	left    bool // it has tries left
}

// esp judges slots that are files of a PC's ESP. systemd-boot compares no hash: whatever has a head has to be whole. One of them has to
// have proved itself, since tries run out.
func (c *Card) esp(dir string, f *Found) error {
	fail := func(format string, a ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrSlots}, a...)...)
	}
	image := filepath.Join(dir, "esp")
	if err := c.Extract(image, c.Parts[part.ESP], espSize); err != nil {
		return err
	}
	defer os.Remove(image)
	for _, name := range loaders {
		if _, err := onFAT("mtype", "-i", image, "::/"+name); err != nil {
			return fail("%w", err)
		}
	}
	tree := filepath.Join(dir, "programs")
	if err := os.Mkdir(tree, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	if err := fetch(image, tree); err != nil {
		return fail("%w", err)
	}
	list, err := c.programs(tree)
	if err != nil {
		return fail("%w", err)
	}
	if !slices.ContainsFunc(list, func(p program) bool { return !p.counted }) {
		return fail("no program has proved itself: %+v", list)
	}
	f.Tried = slices.ContainsFunc(list, func(p program) bool { return p.left })
	for _, running := range []bootstate.Slot{bootstate.A, bootstate.B} {
		s, err := slot.NewESP(slot.Dir(tree), running)
		if err == nil {
			_, err = s.State()
		}
		if err != nil {
			return fail("%w", err)
		}
	}
	return nil
}

// fetch copies the slots' files. While a file is written its folder may say that it is longer than its chain of clusters is yet; mtools then
// read nothing of it. A PC's firmware reads its beginning all the same, so what the chain has is taken, as fsck.vfat cuts it.
func fetch(image, tree string) error {
	list, err := onFAT("mdir", "-b", "-i", image, "::/"+slot.Folder)
	if err != nil {
		return err
	}
	cut := image + ".cut"
	defer os.Remove(cut)
	for name := range strings.FieldsSeq(string(list)) {
		b, err := onFAT("mtype", "-i", image, name)
		if err != nil {
			if b, err = cutShort(image, cut, name); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(tree, filepath.Base(name)), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// cutShort returns what a file's chain of clusters has.
func cutShort(image, cut, name string) ([]byte, error) {
	b, err := os.ReadFile(image)
	if err == nil {
		err = os.WriteFile(cut, b, 0o600)
	}
	if err != nil {
		return nil, err
	}
	const mended = 1 // its exit status
	var exit *exec.ExitError
	if _, err := onFAT("fsck.vfat", "-a", cut); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != mended) {
		return nil, err
	}
	return onFAT("mtype", "-i", cut, name)
}

// programs returns the slots' files that have a head. An error says which is not whole.
func (c *Card) programs(tree string) (list []program, err error) {
	files, err := os.ReadDir(tree)
	if err != nil {
		return nil, err
	}
	for _, e := range files {
		b, err := os.ReadFile(filepath.Join(tree, e.Name()))
		if err != nil {
			return nil, err
		}
		if !bytes.HasPrefix(b, []byte("MZ")) {
			continue // no PE program (PE format, "MS-DOS Stub")
		}
		sum := sha256.Sum256(b)
		if !slices.ContainsFunc(c.Firmwares, func(f Firmware) bool { return f.SHA256 == sum && f.Length == int64(len(b)) }) {
			return nil, fmt.Errorf("%s, %d octets, has a head and is not whole", e.Name(), len(b))
		}
		_, tries, counted := strings.Cut(e.Name(), "+")
		list = append(list, program{e.Name(), counted, counted && !strings.HasPrefix(tries, "0")})
	}
	return list, nil
}

// onFAT runs one of mtools.
func onFAT(name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("%w (apt-get install mtools)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, said.Bytes())
	}
	return out, nil
}
