package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cafeprobe/firmware/image/parts"
)

// Loader says how a model's own U-Boot is built of Debian's source.
type Loader struct {
	Config  string `json:"config"`  // the defconfig that U-Boot has for the board
	Monitor string `json:"monitor"` // BL31, below usr/lib/arm-trusted-firmware; empty: the board needs none
	File    string `json:"file"`    // what the build leaves, and the card gets
	Number  string `json:"number"`  // U-Boot's number of the card; empty: Model.Number
}

// LoaderConfig says which U-Boot to build. Board and Source are required.
type LoaderConfig struct {
	Board   string
	Source  string // the module's root
	Out     string // where the file goes; empty: out/uboot/BOARD below Source, where Build looks
	Store   string // where parts are kept; empty: out/parts below Source
	Refresh bool
	Jobs    int // of make; 0: one
	Log     *slog.Logger
}

// ErrNoLoader is wrapped by errors about a board that has no U-Boot of its own, or whose is not built yet.
var ErrNoLoader = errors.New("image: no boot loader")

// BuildLoader builds a board's U-Boot, hardened by board/uboot/harden.config and with the selector as its boot command, of
// Debian's source with Debian's patches. It returns the file. It needs a cross compiler and takes minutes.
func BuildLoader(ctx context.Context, cfg LoaderConfig) (string, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m, err := ReadModel(filepath.Join(cfg.Source, "board"), cfg.Board)
	if err != nil {
		return "", err
	}
	if m.Loader.Config == "" {
		return "", fmt.Errorf("%w: %s boots without U-Boot", ErrNoLoader, m.Name)
	}
	if cfg.Store == "" {
		cfg.Store = filepath.Join(cfg.Source, "out", "parts")
	}
	if cfg.Out == "" {
		cfg.Out = filepath.Join(cfg.Source, "out", "uboot", m.Name)
	}
	if cfg.Out, err = filepath.Abs(cfg.Out); err != nil {
		return "", err
	}
	store := parts.Store{Dir: cfg.Store, Lock: filepath.Join(cfg.Source, "board", "parts.lock"), Refresh: cfg.Refresh, Log: cfg.Log}
	source, err := store.Source(ctx, "u-boot")
	if err != nil {
		return "", err
	}
	env := []string{
		"ARCH=arm", "CROSS_COMPILE=aarch64-linux-gnu-", "KBUILD_BUILD_USER=cafeprobe", "KBUILD_BUILD_HOST=cafeprobe", "TZ=UTC",
		// U-Boot's build runs Debian's Python with Debian's modules, whatever else the machine has.
		"LC_ALL=C.UTF-8", "PATH=/usr/bin:" + os.Getenv("PATH"),
	}
	epoch, err := changed(filepath.Join(source, "debian", "changelog"))
	if err != nil {
		return "", err
	}
	env = append(env, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch))
	var args []string
	if m.Loader.Monitor != "" {
		list, err := store.Fetch(ctx, []parts.Want{{Name: "arm-trusted-firmware", Arch: m.Arch}})
		if err != nil {
			return "", err
		}
		args = append(args, "BL31="+filepath.Join(list[0].Dir, "usr/lib/arm-trusted-firmware", m.Loader.Monitor))
	}
	return makeLoader(ctx, cfg, m, source, env, args)
}

// makeLoader configures and compiles in a folder beside the result.
func makeLoader(ctx context.Context, cfg LoaderConfig, m *Model, source string, env, args []string) (string, error) {
	objects := filepath.Join(cfg.Out, "build")
	if err := os.MkdirAll(objects, 0o755); err != nil {
		return "", err
	}
	fragment, err := fragment(cfg.Source, m)
	if err != nil {
		return "", err
	}
	more := filepath.Join(objects, "cafeprobe.config")
	if err := os.WriteFile(more, fragment, 0o644); err != nil {
		return "", err
	}
	run := func(name string, args ...string) error {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir, cmd.Env = source, append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out[max(0, len(out)-1500):])
		}
		return nil
	}
	for _, step := range [][]string{
		{"make", "-s", "O=" + objects, m.Loader.Config},
		{"scripts/kconfig/merge_config.sh", "-m", "-O", objects, filepath.Join(objects, ".config"), more},
		{"make", "-s", "O=" + objects, "olddefconfig"},
	} {
		if err := run(step[0], step[1:]...); err != nil {
			return "", err
		}
	}
	if err := holds(filepath.Join(objects, ".config"), fragment); err != nil {
		return "", err
	}
	if err := run("make", append([]string{"-s", "-j" + strconv.Itoa(max(1, cfg.Jobs)), "O=" + objects}, args...)...); err != nil {
		return "", err
	}
	data, err := os.ReadFile(filepath.Join(objects, m.Loader.File))
	if err != nil {
		return "", err
	}
	to := filepath.Join(cfg.Out, m.Loader.File)
	return to, os.WriteFile(to, data, 0o644)
}

// fragment is what we ask for over the board's defconfig: hardening, the board's own, and the selector.
func fragment(source string, m *Model) ([]byte, error) {
	var b bytes.Buffer
	for _, f := range []string{filepath.Join(source, "board/uboot/harden.config"), filepath.Join(m.Dir, "uboot.config")} {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		b.Write(text)
	}
	command, err := bootCommand(source, m)
	fmt.Fprintf(&b, "CONFIG_BOOTCOMMAND=%s\n", strconv.Quote(command))
	return b.Bytes(), err
}

// bootCommand is the selector as a board's own U-Boot has it.
func bootCommand(source string, m *Model) (string, error) {
	script, err := os.ReadFile(filepath.Join(source, "board/uboot/selector.cmd"))
	own := *m
	if m.Loader.Number != "" {
		own.Number = m.Loader.Number
	}
	return OneLine(Selector(string(script), &own)), err
}

// ErrConfig is wrapped by BuildLoader's error when U-Boot's configuration did not take what hardening asks for.
var ErrConfig = errors.New("image: U-Boot's configuration differs")

// holds compares a .config with what was asked for: an option that is off may be missing.
func holds(path string, fragment []byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for l := range strings.Lines(string(text)) {
		have[strings.TrimSpace(l)] = true
		if name, _, ok := strings.Cut(l, "="); ok {
			have[name] = true
		}
	}
	var wrong []string
	for l := range strings.Lines(string(fragment)) {
		l = strings.TrimSpace(l)
		if name, ok := strings.CutSuffix(strings.TrimPrefix(l, "# "), " is not set"); ok {
			if have[name] {
				wrong = append(wrong, l)
			}
		} else if strings.HasPrefix(l, "CONFIG_") && !have[l] {
			name, _, _ := strings.Cut(l, "=")
			wrong = append(wrong, name)
		}
	}
	if wrong != nil {
		return fmt.Errorf("%w: %s", ErrConfig, strings.Join(wrong, ", "))
	}
	return nil
}

// changed returns the time of the last entry of a Debian changelog, seconds since 1970.
func changed(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(text)) {
		if _, date, ok := strings.Cut(l, ">  "); ok && strings.HasPrefix(l, " -- ") {
			t, err := time.Parse(time.RFC1123Z, strings.TrimSpace(date))
			return t.Unix(), err
		}
	}
	return 0, fmt.Errorf("%s has no date", path)
}

// loader returns the board's own U-Boot if it was built.
func (b *build) loader() ([]byte, error) {
	path := filepath.Join(b.Source, "out", "uboot", b.Board, b.model.Loader.File)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: run make uboot BOARD=%s first", ErrNoLoader, b.Board)
	}
	if err != nil {
		return nil, err
	}
	command, err := bootCommand(b.Source, b.model)
	if err == nil && !bytes.Contains(data, []byte("bootcmd="+command+"\x00")) {
		err = fmt.Errorf("%s has another selector than board/uboot/selector.cmd: run make uboot BOARD=%s again", path, b.Board)
	}
	return data, err
}
