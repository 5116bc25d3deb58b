package trust

import (
	"crypto/sha256"
	"encoding/json"
	"strings"

	"cafeprobe/firmware/slot"
	"cafeprobe/firmware/update"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// choose returns the firmware for the box.
func (b *Box) choose(targets map[string]*metadata.TargetFiles, version string) (best update.Found, err error) {
	others := 0
	for path, t := range targets {
		folder, _, _ := strings.Cut(path, "/")
		f, err := read(path, t)
		if err != nil {
			return update.Found{}, err
		}
		if version != "" && f.Version != version {
			continue
		}
		if f.Board != b.Board {
			if folder == b.Board {
				return update.Found{}, update.Refuse(update.OtherBoard, "%s is for board %.40q", path, f.Board)
			}
			others++
			continue
		}
		if (f.Slot == "" || f.Slot == b.Slot) && (best.Path == "" || f.Number > best.Number) {
			best = f
		}
	}
	switch {
	case best.Path == "" && others > 0 && version != "":
		return best, update.Refuse(update.OtherBoard, "%s is for other boards than %s", version, b.Board)
	case best.Path == "":
		return best, update.Refuse(update.Absent, "there is no firmware %q for %s", version, b.Board)
	case best.Number == b.Number:
		return best, update.Refuse(update.Current, "%s, number %d, runs", best.Version, best.Number)
	case best.Number < b.Number:
		return best, update.Refuse(update.Older, "%s is number %d, and number %d runs", best.Version, best.Number, b.Number)
	}
	return best, nil
}

// read takes what the metadata say of a file.
func read(path string, t *metadata.TargetFiles) (f update.Found, err error) {
	if t == nil || t.Custom == nil || len(t.Hashes["sha256"]) != sha256.Size || t.Length < slot.Head || t.Length > update.MaxFirmware || !isPath(path) {
		return f, update.Refuse(update.Malformed, "target %.80q", path)
	}
	if err := json.Unmarshal(*t.Custom, &f.Release); err != nil || f.Version == "" || f.Number == 0 {
		return f, update.Refuse(update.Malformed, "target %.80q says %.80q of itself", path, *t.Custom)
	}
	f.Path, f.Length = path, t.Length
	copy(f.SHA256[:], t.Hashes["sha256"])
	return f, nil
}

// isPath reports whether s is a folder's name and a file's, of letters, digits, dots and hyphens, none of them hidden.
func isPath(s string) bool {
	folder, file, ok := strings.Cut(s, "/")
	for _, part := range []string{folder, file} {
		if part == "" || part[0] == '.' || len(part) > 128 {
			return false
		}
		for _, c := range []byte(part) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
				return false
			}
		}
	}
	return ok
}
