// Package parts fetches the Debian packages that an image is made of. They come from the archive that the machine's own apt
// uses, through a root of apt's own: the machine, its release and what is installed on it stay as they are.
package parts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Suite is Debian's release that the parts come from, whatever the machine runs.
const Suite = "trixie"

// Want names a package. Name may be a metapackage of the kernel (linux-image-arm64): then the real one is fetched.
type Want struct {
	Name string
	Arch string // arm64, amd64
}

// Part is a package that was fetched.
type Part struct {
	Want
	Package string // the real name
	Version string
	SHA256  string // of the .deb
	File    string // the .deb
	Dir     string // where it is unpacked
}

// ErrUnavailable is wrapped by Fetch's error when the archive cannot be reached or lacks a package.
var ErrUnavailable = errors.New("parts: cannot be fetched")

// Store is a folder that keeps what was fetched, and the list of what it should be. The zero Log is silent.
type Store struct {
	Dir     string // may be empty, is made; about 600 MB when full
	Lock    string // the list, parts.lock
	Refresh bool   // take the newest of each package instead of the listed one
	Log     *slog.Logger
}

// Fetch returns wants, in their order, unpacked. What the list has and the store holds needs no network. A version that the
// archive no longer has is replaced by the newest, and one that is not listed added: the list is then written anew, and the
// change logged.
func (s *Store) Fetch(ctx context.Context, wants []Want) ([]Part, error) {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return nil, err
	}
	s.Dir = dir
	lock, err := readLock(s.Lock)
	if err != nil {
		return nil, err
	}
	var list []Part
	changed := false
	archive := archive{dir: filepath.Join(s.Dir, "apt")}
	for _, w := range wants {
		locked, listed := lock.find(w)
		if listed && !s.Refresh {
			if p, ok, err := s.held(ctx, locked); err != nil {
				return nil, err
			} else if ok {
				list = append(list, p)
				continue
			}
		}
		p, err := s.fetch(ctx, &archive, w, locked, listed && !s.Refresh)
		if err != nil {
			return nil, fmt.Errorf("%w: %s for %s: %w", ErrUnavailable, w.Name, w.Arch, err)
		}
		if listed && (locked.Version != p.Version || locked.SHA256 != p.SHA256) {
			s.changed(locked, p)
		}
		if !listed || locked.SHA256 != p.SHA256 {
			lock.put(p)
			changed = true
		}
		list = append(list, p)
	}
	if changed {
		if err := os.WriteFile(s.Lock, lock.text(), 0o644); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// changed warns that a part is not what the list has.
func (s *Store) changed(was, is Part) {
	s.Log.Warn("a part changed: look at the list before you commit it",
		"part", is.Name, "arch", is.Arch, "was", was.Version, "is", is.Version)
}

// held returns a listed part if the store has its file with the listed hash.
func (s *Store) held(ctx context.Context, p Part) (Part, bool, error) {
	p.File = filepath.Join(s.Dir, "deb", p.Package+"_"+strings.ReplaceAll(p.Version, ":", "%3a")+"_"+p.Arch+".deb")
	sum, err := hash(p.File)
	if errors.Is(err, os.ErrNotExist) || err == nil && sum != p.SHA256 {
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	p, err = s.unpack(ctx, p)
	return p, err == nil, err
}

// fetch downloads a part, in its listed version if pinned and still there.
func (s *Store) fetch(ctx context.Context, a *archive, w Want, locked Part, pinned bool) (Part, error) {
	if err := a.open(ctx); err != nil {
		return Part{}, err
	}
	tmp, err := os.MkdirTemp(a.dir, "get-")
	if err != nil {
		return Part{}, err
	}
	defer os.RemoveAll(tmp)
	p := Part{Want: w}
	if pinned {
		p.Package = locked.Package
		if _, err := a.run(ctx, tmp, "apt-get", "-q", "download", p.Package+":"+w.Arch+"="+locked.Version); err != nil {
			pinned = false
		}
	}
	if !pinned {
		if p.Package, err = a.real(ctx, w); err != nil {
			return p, err
		}
		if _, err := a.run(ctx, tmp, "apt-get", "-q", "download", p.Package+":"+w.Arch); err != nil {
			return p, err
		}
	}
	files, err := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if err != nil || len(files) != 1 {
		return p, fmt.Errorf("apt-get download left %d files", len(files))
	}
	v, err := output(ctx, tmp, nil, "dpkg-deb", "-f", files[0], "Version")
	if err != nil {
		return p, err
	}
	p.Version = strings.TrimSpace(v)
	if p.SHA256, err = hash(files[0]); err != nil {
		return p, err
	}
	p.File = filepath.Join(s.Dir, "deb", p.Package+"_"+strings.ReplaceAll(p.Version, ":", "%3a")+"_"+w.Arch+".deb")
	if err := os.MkdirAll(filepath.Dir(p.File), 0o755); err != nil {
		return p, err
	}
	if err := os.Rename(files[0], p.File); err != nil {
		return p, err
	}
	return s.unpack(ctx, p)
}

// unpack lays the files of a part below tree/, named after its hash, so that what lies there is of these octets.
func (s *Store) unpack(ctx context.Context, p Part) (Part, error) {
	p.Dir = filepath.Join(s.Dir, "tree", p.Package+"_"+p.Arch+"_"+p.SHA256[:16])
	if _, err := os.Stat(p.Dir); err == nil {
		return p, nil
	}
	if err := os.MkdirAll(filepath.Dir(p.Dir), 0o755); err != nil {
		return p, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(p.Dir), "new-")
	if err != nil {
		return p, err
	}
	defer os.RemoveAll(tmp)
	if _, err := output(ctx, tmp, nil, "dpkg-deb", "-x", p.File, tmp); err != nil {
		return p, err
	}
	if err := os.Rename(tmp, p.Dir); err != nil {
		if _, there := os.Stat(p.Dir); there != nil { // another build was first
			return p, err
		}
	}
	return p, nil
}

func hash(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// archive is a root of apt's own below dir.
type archive struct {
	dir  string
	conf string // of APT_CONFIG; empty until it is open
}

// kernel is what the kernel's metapackages depend on.
var kernel = regexp.MustCompile(`(?m)^\s*Depends: (linux-image-\d[^\s:]*)`)

// real returns the package that a kernel's metapackage stands for; other names are their own.
func (a *archive) real(ctx context.Context, w Want) (string, error) {
	if !strings.HasPrefix(w.Name, "linux-image-") {
		return w.Name, nil
	}
	out, err := a.run(ctx, a.dir, "apt-cache", "depends", w.Name+":"+w.Arch)
	if err != nil {
		return "", err
	}
	if m := kernel.FindStringSubmatch(out); m != nil {
		return m[1], nil
	}
	return w.Name, nil
}

// open makes the root and reads the archive's lists, once.
func (a *archive) open(ctx context.Context) error {
	if a.conf != "" {
		return nil
	}
	for _, d := range []string{"etc/preferences.d", "state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return err
		}
	}
	sources, err := sources(ctx)
	if err != nil {
		return err
	}
	// What the machine's own apt.conf.d says of proxies and certificates holds here too.
	conf := fmt.Sprintf(`Dir "%[1]s";
Dir::Etc "%[1]s/etc";
Dir::Etc::parts "/etc/apt/apt.conf.d";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
Dir::Etc::sourcelist "%[1]s/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "%[1]s/state";
Dir::State::status "%[1]s/state/status";
Dir::Cache "%[1]s/cache";
APT::Architecture "arm64";
APT::Architectures { "arm64"; "amd64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
`, a.dir)
	path := filepath.Join(a.dir, "apt.conf")
	for name, text := range map[string]string{"apt.conf": conf, "etc/sources.list": sources, "state/status": ""} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	a.conf = path
	if _, err := a.run(ctx, a.dir, "apt-get", "-q", "--error-on=any", "update"); err != nil {
		a.conf = ""
		return err
	}
	return nil
}

func (a *archive) run(ctx context.Context, dir, name string, args ...string) (string, error) {
	return output(ctx, dir, []string{"APT_CONFIG=" + a.conf}, name, args...)
}

// output runs a command in dir and returns what it prints; the error has the end of what it complained of.
func output(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "LC_ALL=C"), env...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(complaint.String())
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, text[max(0, len(text)-400):])
	}
	return out.String(), nil
}

// keyring is what Debian's archive is signed with, of the package debian-archive-keyring, which apt depends on.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// sources returns the lines of Suite from where the machine's own apt fetches its release.
func sources(ctx context.Context) (string, error) {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^VERSION_CODENAME="?(\w+)"?$`).FindSubmatch(release)
	if m == nil {
		return "", errors.New("/etc/os-release names no release: a Debian machine is needed")
	}
	out, err := output(ctx, "/", nil, "apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages")
	if err != nil {
		return "", err
	}
	return translate(out, string(m[1]))
}

// translate makes lines of sources.list(5) for Suite of "site release" lines of a machine of release own.
func translate(targets, own string) (string, error) {
	var b strings.Builder
	line := func(kind, site, suite, components string) {
		fmt.Fprintf(&b, "%s [signed-by=%s] %s %s %s\n", kind, keyring, site, suite, components)
	}
	seen := map[string]bool{}
	for l := range strings.Lines(targets) {
		l = strings.TrimSpace(l)
		site, release, ok := strings.Cut(l, " ")
		if !ok || seen[l] {
			continue
		}
		seen[l] = true
		switch release {
		case own:
			line("deb", site, Suite, "main non-free-firmware")
			line("deb-src", site, Suite, "main")
		case own + "-updates", own + "-security":
			suite := Suite + strings.TrimPrefix(release, own)
			line("deb", site, suite, "main non-free-firmware")
			line("deb-src", site, suite, "main")
		}
	}
	if b.Len() == 0 {
		return "", fmt.Errorf("the machine's apt has no source of Debian %s", own)
	}
	return b.String(), nil
}
