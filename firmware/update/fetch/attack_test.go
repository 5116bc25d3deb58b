package fetch

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cafeprobe/firmware/update"
	"cafeprobe/tools/release"
	"cafeprobe/uplink"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/sys/unix"
)

var quiet = log.New(io.Discard, "", 0)

// released is a lab with one release.
func released(t *testing.T) *lab {
	l := newLab(t)
	l.server.Config.ErrorLog = quiet
	l.add(board, "2026.12.0", 12, firmware(1, 300_001))
	return l
}

// resign changes a file of metadata, and signs it with keys, or with none.
func resign[T metadata.Roles](l *lab, name string, change func(*metadata.Metadata[T]), keys ...ed25519.PrivateKey) {
	l.t.Helper()
	var m metadata.Metadata[T]
	b, err := os.ReadFile(filepath.Join(l.repo, name))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	change(&m)
	m.ClearSignatures()
	for _, k := range keys {
		s, err := signature.LoadSigner(k, crypto.Hash(0))
		if err == nil {
			_, err = m.Sign(s)
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
	if err := m.ToFile(filepath.Join(l.repo, name), false); err != nil {
		l.t.Fatal(err)
	}
}

// key reads a key of the lab's.
func (l *lab) key(name string) ed25519.PrivateKey {
	l.t.Helper()
	k, err := release.ReadKey(filepath.Join(l.keys, name))
	if err != nil {
		l.t.Fatal(err)
	}
	return k
}

type (
	timestamp = metadata.Metadata[metadata.TimestampType]
	targets   = metadata.Metadata[metadata.TargetsType]
)

func TestUnsigned(t *testing.T) {
	l := released(t)
	resign(l, "timestamp.json", func(*timestamp) {})
	l.refused(update.Unsigned, uplink.SecurityForged)
}

func TestWrongKey(t *testing.T) {
	l := released(t)
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	resign(l, "timestamp.json", func(*timestamp) {}, k)
	l.refused(update.WrongKey, uplink.SecurityForged)

	l = released(t)
	resign(l, "2.targets.json", func(m *targets) { m.Signed.Version = 2 }, k)
	l.refused(update.WrongKey, uplink.SecurityForged)

	// One key of the root's three signs no root.
	l = released(t)
	copyFile(t, l.r.RootFile(), filepath.Join(l.repo, "2.root.json"))
	resign(l, "2.root.json", func(m *metadata.Metadata[metadata.RootType]) { m.Signed.Version = 2 }, l.key("root-1.key"))
	l.refused(update.WrongKey, uplink.SecurityForged)
}

// rotate replaces keys, with two of the root's.
func (l *lab) rotate(roles ...string) {
	l.t.Helper()
	keys := []string{filepath.Join(l.keys, "root-2.key"), filepath.Join(l.keys, "root-3.key")}
	if err := l.r.Rotate(roles, keys, day); err != nil {
		l.t.Fatal(err)
	}
}

func TestRevokedKey(t *testing.T) {
	l := released(t)
	old := l.key("timestamp.key")
	l.rotate("timestamp")
	resign(l, "timestamp.json", func(m *timestamp) { m.Signed.Version = 9 }, old)
	l.refused(update.RevokedKey, uplink.SecurityForged)
}

// TestRotated: whoever was away while keys were replaced, the root's own too, takes what the new ones sign; and who saw the new
// root takes nothing of the old keys, though the folder holds it back.
func TestRotated(t *testing.T) {
	l := released(t)
	before := l.t.TempDir()
	if err := os.CopyFS(filepath.Join(before, "repo"), os.DirFS(l.repo)); err != nil {
		t.Fatal(err)
	}
	l.rotate("targets", "snapshot", "timestamp")
	l.rotate("root-1", "timestamp")
	fw := firmware(5, 200_000)
	l.add(board, "2026.12.1", 13, fw)
	l.job.Offer.Version = "2026.12.1"
	l.taken(fw)
	l.job.Offer = update.Offer{Folder: filepath.Join(before, "repo")}
	if r := l.run(); r.Why != update.RevokedKey {
		t.Errorf("the folder of before: %+v, want %s", r, update.RevokedKey)
	}
}

func TestOlder(t *testing.T) {
	l := released(t)
	old := filepath.Join(t.TempDir(), "timestamp.json")
	copyFile(t, filepath.Join(l.repo, "timestamp.json"), old)
	if err := l.r.Refresh(day); err != nil {
		t.Fatal(err)
	}
	if r := l.child(l.job, nil); r.Found == nil {
		t.Fatalf("reported %+v", r)
	}
	copyFile(t, old, filepath.Join(l.repo, "timestamp.json"))
	l.refused(update.Older, uplink.SecurityReplayed)

	l = released(t)
	l.job.Number = 13 // runs
	l.refused(update.Older, uplink.SecurityReplayed)
}

func TestOtherBoard(t *testing.T) {
	l := newLab(t)
	l.add("rpi4", "2026.12.0", 12, firmware(1, 9000))
	l.refused(update.OtherBoard, uplink.SecurityMisled)

	l = released(t)
	resign(l, "2.targets.json", func(m *targets) {
		for _, f := range m.Signed.Targets {
			raw := json.RawMessage(`{"version":"2026.12.0","number":12,"board":"rpi4"}`)
			f.Custom = &raw
		}
	}, l.key("targets.key"))
	l.refused(update.OtherBoard, uplink.SecurityMisled)
}

// target returns the path of the lab's only firmware.
func (l *lab) target() string {
	l.t.Helper()
	list, err := filepath.Glob(filepath.Join(l.repo, "targets", board, "*"))
	if err != nil || len(list) != 1 {
		l.t.Fatalf("%q, %v", list, err)
	}
	return list[0]
}

func TestTruncated(t *testing.T) {
	l := released(t)
	if err := os.Truncate(l.target(), 100_000); err != nil {
		t.Fatal(err)
	}
	l.refused(update.Truncated, uplink.SecurityMalformed)
	l.job.Offer = update.Offer{Folder: l.repo}
	l.refused(update.Truncated, uplink.SecurityMalformed)
}

// TestSwapped: the second half is of another file than the first.
func TestSwapped(t *testing.T) {
	l := released(t)
	f := l.fetcher()
	requests := 0
	other := firmware(9, 300_001)
	l.serve = func(w http.ResponseWriter, r *http.Request) bool {
		if requests++; requests > 1 {
			from := 0
			if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
				t.Errorf("the second request is of range %q", r.Header.Get("Range"))
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(other)-1, len(other)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(other[from:])
			return true
		}
		w.Header().Set("Content-Length", "300001")
		_, _ = w.Write(firmware(1, 300_001)[:150_000])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	if err := f.write(t.Context(), l.place); update.Refused(err) != update.Swapped || requests < 2 {
		t.Errorf("after %d requests: %v, want %s", requests, err, update.Swapped)
	}
	if h := l.head(); string(h) != string(make([]byte, len(h))) {
		t.Error("what is in the slot may boot")
	}

	l = released(t)
	if err := os.WriteFile(l.target(), other, 0o644); err != nil {
		t.Fatal(err)
	}
	l.refused(update.Swapped, uplink.SecurityForged)
}

// TestFrozen: a box that has the time takes no metadata that have expired; one that has none is not locked out.
func TestFrozen(t *testing.T) {
	l := released(t)
	l.job.Now = day.Add(15 * 24 * time.Hour).UnixMilli()
	l.refused(update.Frozen, uplink.SecurityExpired)
	l.job.Now = day.Add(-365 * 24 * time.Hour).UnixMilli()
	l.taken(firmware(1, 300_001))
}

func TestEndless(t *testing.T) {
	for name, endless := range map[string]func(http.ResponseWriter){
		"without a length": func(http.ResponseWriter) {},
		"with a length":    func(w http.ResponseWriter) { w.Header().Set("Content-Length", "99999999999") },
	} {
		for _, of := range []string{"timestamp.json", "targets/"} {
			l := released(t)
			fw := firmware(1, 300_001)
			var sent atomic.Int64
			l.serve = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, of) {
					return false
				}
				endless(w)
				for {
					n, err := w.Write(fw)
					if sent.Add(int64(n)); err != nil || sent.Load() > 64<<20 {
						return true
					}
				}
			}
			l.refused(update.Endless, uplink.SecurityFlood)
			if sent.Load() > 16<<20 { // what the sockets hold
				t.Errorf("%s %s: %d octets were taken", of, name, sent.Load())
			}
		}
	}
}

// TestNoRoom: a slot that is too small, a card that is full while it writes, and one that has no room for metadata.
func TestNoRoom(t *testing.T) {
	l := released(t)
	l.job.Room = 100_000
	l.refused(update.NoRoom, uplink.SecurityNoRoom)

	if os.Geteuid() != 0 {
		t.Skip("a full file system wants root")
	}
	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=200k"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(small, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	l = released(t)
	f, err := os.Create(filepath.Join(small, "slot"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write([]byte(strings.Repeat("old ", 1024))); err != nil {
		t.Fatal(err)
	}
	l.place, l.job.Room = f, 0
	l.refused(update.NoRoom, uplink.SecurityNoRoom)

	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(small, "full"), make([]byte, 200<<10), 0o600); err == nil {
		t.Log("the card is not full")
	}
	l = released(t)
	l.job.Dir = filepath.Join(small, "seen")
	l.refused(update.NoRoom, uplink.SecurityNoRoom)
}

// TestServer: a server that is not the province's, that sends elsewhere, or that is not there is no attack on the firmware: it is
// tried again.
func TestServer(t *testing.T) {
	l := released(t)
	l.serve = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusFound)
		return true
	}
	f := func(name string) {
		t.Helper()
		if r := l.run(); r.Why != "" || r.Text == "" {
			t.Errorf("%s: %+v, want a failure that may pass", name, r)
		}
	}
	f("sends elsewhere")
	l.serve = func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(500); return true }
	f("an error")
	l.serve = nil
	l.job.Offer.CA = otherCA
	f("a stranger")
	l.server.Close()
	f("nobody")
}

// otherCA is nobody's certificate.
const otherCA = `-----BEGIN CERTIFICATE-----
MIIBNjCB6aADAgECAhRzieM+Ca8Su/b9QwZ6cuWxtbTEezAFBgMrZXAwEDEOMAwG
A1UEAwwFb3RoZXIwIBcNMjYxMTI4MDUzNzM5WhgPMjEyNjExMDQwNTM3MzlaMBAx
DjAMBgNVBAMMBW90aGVyMCowBQYDK2VwAyEAEtcXhvM9H4UWB7QSLzpFt8VC0BQf
zgx7PYVycLlPFUGjUzBRMB0GA1UdDgQWBBQm1tMZtd3X/TZ3eZjynXmln50aLzAf
BgNVHSMEGDAWgBQm1tMZtd3X/TZ3eZjynXmln50aLzAPBgNVHRMBAf8EBTADAQH/
MAUGAytlcANBAEDrhxnwXzMD5ew1v0OaLO2WNgtUGUEwJkWcB6CpdMlHKrNS+1af
iqbYOrx2Bqn0/HqR9kIgnv06DVnep/s8SwQ=
-----END CERTIFICATE-----
`
