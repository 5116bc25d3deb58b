package release

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cafeprobe/firmware/update"
	"cafeprobe/uplink/durable"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// How long metadata hold. A box that has the time refuses those that have expired, so that nobody can hold newer ones back for
// longer: timestamp and snapshot are signed anew at least weekly (Refresh).
const (
	rootLife    = 2 * 365 * 24 * time.Hour
	targetsLife = 365 * 24 * time.Hour
	freshLife   = 14 * 24 * time.Hour
)

// Kept is how many releases of a board stay in the folder.
const Kept = 2

// Repo is a folder of releases.
type Repo struct {
	dir, keys string
	root      *metadata.Metadata[metadata.RootType]
	targets   *metadata.Metadata[metadata.TargetsType]
	snapshot  *metadata.Metadata[metadata.SnapshotType]
	timestamp *metadata.Metadata[metadata.TimestampType]
}

// Init makes the folder dir, and all keys in the folder keys: root-1.key to root-3.key are then to be taken to three places. It
// returns the root, which every image needs.
func Init(dir, keys string, now time.Time) (*Repo, error) {
	for _, d := range []string{dir, filepath.Join(dir, "targets"), keys} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	root := metadata.Root(now.Add(rootLife).UTC().Truncate(time.Second))
	root.Signed.ConsistentSnapshot = true
	var rootKeys []ed25519.PrivateKey
	for i := range RootKeys {
		k, err := newKey(filepath.Join(keys, fmt.Sprintf("root-%d%s", i+1, keySuffix)))
		if err != nil {
			return nil, err
		}
		if err := add(root, k, metadata.ROOT); err != nil {
			return nil, err
		}
		rootKeys = append(rootKeys, k)
	}
	root.Signed.Roles[metadata.ROOT].Threshold = RootThreshold
	for _, role := range Roles {
		k, err := newKey(roleKey(keys, role))
		if err != nil {
			return nil, err
		}
		if err := add(root, k, role); err != nil {
			return nil, err
		}
	}
	r := &Repo{
		dir: dir, keys: keys, root: root,
		targets: metadata.Targets(), snapshot: metadata.Snapshot(), timestamp: metadata.Timestamp(),
	}
	for _, v := range []*int64{&r.targets.Signed.Version, &r.snapshot.Signed.Version, &r.timestamp.Signed.Version} {
		*v = 0
	}
	if err := r.writeRoot(rootKeys); err != nil {
		return nil, err
	}
	return r, r.publish(now, true)
}

func add(root *metadata.Metadata[metadata.RootType], k ed25519.PrivateKey, role string) error {
	p, err := public(k)
	if err != nil {
		return err
	}
	return root.Signed.AddKey(p, role)
}

// Open opens a folder that Init made. keys holds the keys of Roles.
func Open(dir, keys string) (*Repo, error) {
	r := &Repo{dir: dir, keys: keys}
	newest := 0
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open releases: %w", err)
	}
	for _, f := range list {
		if n, ok := strings.CutSuffix(f.Name(), ".root.json"); ok {
			v, _ := strconv.Atoi(n)
			newest = max(newest, v)
		}
	}
	if newest == 0 {
		return nil, fmt.Errorf("open releases: %s has no root: cafeprobe release init makes one", dir)
	}
	if r.root, err = metadata.Root().FromFile(filepath.Join(dir, fmt.Sprintf("%d.root.json", newest))); err != nil {
		return nil, fmt.Errorf("open releases: %w", err)
	}
	if r.timestamp, err = metadata.Timestamp().FromFile(filepath.Join(dir, "timestamp.json")); err != nil {
		return nil, fmt.Errorf("open releases: %w", err)
	}
	at := r.timestamp.Signed.Meta["snapshot.json"]
	if at == nil {
		return nil, errors.New("open releases: timestamp.json names no snapshot")
	}
	if r.snapshot, err = metadata.Snapshot().FromFile(r.path(at.Version, metadata.SNAPSHOT)); err != nil {
		return nil, fmt.Errorf("open releases: %w", err)
	}
	if at = r.snapshot.Signed.Meta["targets.json"]; at == nil {
		return nil, errors.New("open releases: snapshot.json names no targets")
	}
	if r.targets, err = metadata.Targets().FromFile(r.path(at.Version, metadata.TARGETS)); err != nil {
		return nil, fmt.Errorf("open releases: %w", err)
	}
	return r, nil
}

func (r *Repo) path(version int64, role string) string {
	return filepath.Join(r.dir, fmt.Sprintf("%d.%s.json", version, role))
}

// RootFile returns the newest root: what images are made with.
func (r *Repo) RootFile() string { return r.path(r.root.Signed.Version, metadata.ROOT) }

// ErrNumber is wrapped by the error of a release whose number is not above those before.
var ErrNumber = errors.New("a release's number rises")

// Add signs an image whose tests were green, and puts it into the folder. The older releases of its board but one go.
func (r *Repo) Add(i *Image, rec *Record, now time.Time) error {
	if err := rec.Green(&i.Manifest, i.Sums()); err != nil {
		return fmt.Errorf("sign %s of %s: %w", i.Manifest.Release.Version, i.Manifest.Release.Board, err)
	}
	return r.add(i, now)
}

func (r *Repo) add(i *Image, now time.Time) error {
	of := i.Manifest.Release.Release
	for path, t := range r.targets.Signed.Targets {
		if have := custom(t); have.Board == of.Board && have.Number >= of.Number {
			return fmt.Errorf("%w: %s is number %d, and %s number %d", ErrNumber, of.Version, of.Number, path, have.Number)
		}
	}
	for _, f := range i.files {
		own := of
		own.Slot = f.slot
		t, err := target(f, own)
		if err != nil {
			return err
		}
		path := i.target(f)
		found := update.Found{Path: path, SHA256: f.sum}
		if err := durable.WriteFileMode(r.make(found.File()), f.data, 0o644); err != nil {
			return err
		}
		r.targets.Signed.Targets[path] = t
	}
	r.prune(of.Board)
	return r.publish(now, true)
}

// make returns where a file of the folder is, and makes its folder.
func (r *Repo) make(name string) string {
	path := filepath.Join(r.dir, filepath.FromSlash(name))
	_ = os.MkdirAll(filepath.Dir(path), 0o755) // what is wrong the file's own error says
	return path
}

func target(f file, of update.Release) (*metadata.TargetFiles, error) {
	text, err := json.Marshal(of)
	if err != nil {
		return nil, err
	}
	raw := json.RawMessage(text)
	if int64(len(f.data)) > update.MaxFirmware {
		return nil, fmt.Errorf("%s has %d octets, boxes take at most %d", f.name, len(f.data), update.MaxFirmware)
	}
	return &metadata.TargetFiles{Length: int64(len(f.data)), Hashes: metadata.Hashes{"sha256": f.sum[:]}, Custom: &raw}, nil
}

// custom returns what a target says of itself.
func custom(t *metadata.TargetFiles) (of update.Release) {
	if t.Custom != nil {
		_ = json.Unmarshal(*t.Custom, &of) // our own
	}
	return of
}

// prune leaves the newest releases of a board.
func (r *Repo) prune(board string) {
	var numbers []uint64
	for _, t := range r.targets.Signed.Targets {
		if of := custom(t); of.Board == board && !slices.Contains(numbers, of.Number) {
			numbers = append(numbers, of.Number)
		}
	}
	slices.Sort(numbers)
	if len(numbers) <= Kept {
		return
	}
	least := numbers[len(numbers)-Kept]
	for path, t := range r.targets.Signed.Targets {
		if of := custom(t); of.Board == board && of.Number < least {
			found := update.Found{Path: path}
			copy(found.SHA256[:], t.Hashes["sha256"])
			delete(r.targets.Signed.Targets, path)
			_ = os.Remove(filepath.Join(r.dir, filepath.FromSlash(found.File())))
		}
	}
}

// Withdraw takes a release of all boards out of the folder: boxes that have not fetched it will not.
func (r *Repo) Withdraw(version string, now time.Time) error {
	n := len(r.targets.Signed.Targets)
	for path, t := range r.targets.Signed.Targets {
		if custom(t).Version == version {
			delete(r.targets.Signed.Targets, path)
		}
	}
	if len(r.targets.Signed.Targets) == n {
		return fmt.Errorf("withdraw %s: there is no such release", version)
	}
	return r.publish(now, true)
}

// Refresh signs timestamp and snapshot anew, for another two weeks.
func (r *Repo) Refresh(now time.Time) error { return r.publish(now, false) }

// Rotate replaces the keys of roles, which may have root-1, root-2 and root-3 among them, and signs a new root with the old
// root's keys in the files rootKeys, of which it takes two, and with its own. New keys are put into the folder of keys; old ones
// are renamed.
func (r *Repo) Rotate(roles, rootKeys []string, now time.Time) error {
	var signers []ed25519.PrivateKey
	for _, path := range rootKeys {
		k, err := ReadKey(path)
		if err != nil {
			return err
		}
		if p, err := public(k); err != nil || !r.isRoot(p) {
			return fmt.Errorf("%s is no key of root %d", path, r.root.Signed.Version)
		}
		if slices.ContainsFunc(signers, func(s ed25519.PrivateKey) bool { return s.Equal(k) }) {
			return fmt.Errorf("%s is given twice", path)
		}
		signers = append(signers, k)
	}
	if len(signers) < RootThreshold {
		return fmt.Errorf("a new root is signed with %d keys of the old one, not %d", RootThreshold, len(signers))
	}
	for _, name := range roles {
		k, err := r.replace(name)
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, metadata.ROOT+"-") {
			signers = append(signers, k)
		}
	}
	r.root.Signed.Version++
	r.root.Signed.Expires = now.Add(rootLife).UTC().Truncate(time.Second)
	if err := r.writeRoot(signers); err != nil {
		return err
	}
	for _, name := range roles { // not before the root says so: without these the old ones would not do, nor the new ones
		path := roleKey(r.keys, name)
		if err := os.Rename(path, fmt.Sprintf("%s.before-root-%d", path, r.root.Signed.Version)); err != nil {
			return err
		}
		if err := os.Rename(path+fresh, path); err != nil {
			return err
		}
	}
	return r.publish(now, true)
}

// fresh ends the name of a key's file until the root that names it is written.
const fresh = ".new"

func (r *Repo) isRoot(k *metadata.Key) bool {
	id, err := k.ID()
	return err == nil && slices.Contains(r.root.Signed.Roles[metadata.ROOT].KeyIDs, id)
}

// replace makes a new key of a name, as targets or root-2, and puts it in the old one's place in the root.
func (r *Repo) replace(name string) (ed25519.PrivateKey, error) {
	role, _, _ := strings.Cut(name, "-")
	if role != metadata.ROOT && !slices.Contains(Roles, name) {
		return nil, fmt.Errorf("rotate %s: want %s or root-1 to root-%d", name, strings.Join(Roles, ", "), RootKeys)
	}
	path := roleKey(r.keys, name)
	old, err := ReadKey(path)
	if err != nil {
		return nil, fmt.Errorf("rotate %s: %w", name, err)
	}
	if err := os.Remove(path + fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a rotation that failed
		return nil, err
	}
	k, err := newKey(path + fresh)
	if err != nil {
		return nil, err
	}
	p, err := public(old)
	if err != nil {
		return nil, err
	}
	id, err := p.ID()
	if err == nil {
		err = r.root.Signed.RevokeKey(id, role)
	}
	if err != nil {
		return nil, fmt.Errorf("rotate %s: %w", name, err)
	}
	return k, add(r.root, k, role)
}

// writeRoot signs and writes the root.
func (r *Repo) writeRoot(signers []ed25519.PrivateKey) error {
	if err := sign(r.root, signers...); err != nil {
		return err
	}
	return write(r.RootFile(), r.root)
}

// publish signs and writes the rest, the timestamp last: a box that looks meanwhile finds the folder as it was.
func (r *Repo) publish(now time.Time, targets bool) error {
	now = now.UTC().Truncate(time.Second)
	if targets {
		r.targets.Signed.Version++
		r.targets.Signed.Expires = now.Add(targetsLife)
		if err := put(r, metadata.TARGETS, r.path(r.targets.Signed.Version, metadata.TARGETS), r.targets); err != nil {
			return err
		}
	}
	r.snapshot.Signed.Version++
	r.snapshot.Signed.Expires = now.Add(freshLife)
	r.snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(r.targets.Signed.Version)
	if err := put(r, metadata.SNAPSHOT, r.path(r.snapshot.Signed.Version, metadata.SNAPSHOT), r.snapshot); err != nil {
		return err
	}
	r.timestamp.Signed.Version++
	r.timestamp.Signed.Expires = now.Add(freshLife)
	r.timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(r.snapshot.Signed.Version)
	return put(r, metadata.TIMESTAMP, filepath.Join(r.dir, "timestamp.json"), r.timestamp)
}

// put signs m with the key of its role, and writes it.
func put[T metadata.Roles](r *Repo, role, path string, m *metadata.Metadata[T]) error {
	k, err := ReadKey(roleKey(r.keys, role))
	if err == nil {
		err = sign(m, k)
	}
	if err == nil {
		err = write(path, m)
	}
	if err != nil {
		return fmt.Errorf("sign %s: %w", role, err)
	}
	return nil
}

func write[T metadata.Roles](path string, m *metadata.Metadata[T]) error {
	b, err := m.ToBytes(false)
	if err != nil {
		return err
	}
	return durable.WriteFileMode(path, b, 0o644)
}
