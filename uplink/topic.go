package uplink

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// BoxID names a box: "b-" and 8 lower-case hexadecimal digits. It is the box's certificate's CN, its user name and its
// MQTT client id.
type BoxID string

// Valid reports whether b matches b-[0-9a-f]{8}.
func (b BoxID) Valid() bool {
	if len(b) != 10 || b[:2] != "b-" {
		return false
	}
	return strings.Trim(string(b[2:]), "0123456789abcdef") == ""
}

// Shard returns the first hexadecimal digit of SHA-256(b), by which a province spreads boxes over collectors.
func (b BoxID) Shard() string {
	s := sha256.Sum256([]byte(b))
	return string("0123456789abcdef"[s[0]>>4])
}

// Province is a province's name in topics: 1 to 32 of a-z, 0-9 and inner hyphens, starting with a letter.
type Province string

// Valid reports whether p is such a name.
func (p Province) Valid() bool { return isWord(string(p), 32) && p != "all" }

// Address is where a box is found on the broker.
type Address struct {
	Province Province
	Box      BoxID
}

// Valid reports whether both parts are.
func (a Address) Valid() bool { return a.Province.Valid() && a.Box.Valid() }

// Leaf is the end of a topic: what a message is about, and its direction.
type Leaf string

// The leaves. Up is from the box.
const (
	UpRecords    Leaf = "up/rec"       // Batch, QoS 1
	UpHello      Leaf = "up/hello"     // Hello, QoS 1
	UpCheckpoint Leaf = "up/ckpt"      // Checkpoint, QoS 1
	UpState      Leaf = "up/state"     // State, QoS 1, retained, will
	UpOcc        Leaf = "up/occ"       // Occ, QoS 0, retained
	UpResult     Leaf = "up/result"    // Result, QoS 1
	DownReceipt  Leaf = "down/receipt" // Receipt, QoS 1, retained
	DownWant     Leaf = "down/want"    // Want, QoS 1
	DownCommand  Leaf = "down/cmd"     // Command; followed by its id, QoS 1
	DownDesired  Leaf = "down/desired" // Command with the verb set, QoS 1, retained
)

var leaves = [...]Leaf{
	UpRecords, UpHello, UpCheckpoint, UpState, UpOcc, UpResult, DownReceipt, DownWant, DownCommand, DownDesired,
}

// Delivery returns the QoS that messages of l are published with, and whether they are retained.
func (l Leaf) Delivery() (qos byte, retain bool) {
	switch l {
	case UpOcc:
		return 0, true
	case UpState, DownReceipt, DownDesired:
		return 1, true
	}
	return 1, false
}

const root = "cafeprobe/v1/"

// Topic returns cafeprobe/v1/{province}/{shard}/{box}/{leaf}. a is to be Valid.
func (a Address) Topic(l Leaf) string {
	return root + string(a.Province) + "/" + a.Box.Shard() + "/" + string(a.Box) + "/" + string(l)
}

// DownFilter returns the filter a box subscribes: all that is sent to it.
func (a Address) DownFilter() string { return a.Topic("down/#") }

// UpFilter returns the filter a collector subscribes for one shard of a province, or for all if shard is empty.
func UpFilter(p Province, shard string) string {
	if shard == "" {
		shard = "+"
	}
	return root + string(p) + "/" + shard + "/+/up/#"
}

// ErrTopic is wrapped by errors of ParseTopic.
var ErrTopic = errors.New("uplink: topic")

// ParseTopic takes a box's topic apart. id is the last level of a command's topic, else empty. A topic whose box is
// under a shard that is not its own is refused.
func ParseTopic(topic string) (a Address, l Leaf, id string, err error) {
	bad := func(why string) (Address, Leaf, string, error) {
		return Address{}, "", "", fmt.Errorf("%w %.120q: %s", ErrTopic, topic, why)
	}
	rest, ok := strings.CutPrefix(topic, root)
	level := strings.SplitN(rest, "/", 5)
	if !ok || len(level) < 5 {
		return bad("not " + root + "province/shard/box/direction/what")
	}
	a = Address{Province(level[0]), BoxID(level[2])}
	if !a.Valid() || level[1] != a.Box.Shard() {
		return bad("province, box or shard")
	}
	l = Leaf(level[3] + "/" + level[4])
	if c, found := strings.CutPrefix(string(l), string(DownCommand)+"/"); found {
		if c == "" || len(c) > 32 || strings.ContainsAny(c, "/+#\x00") {
			return bad("command id")
		}
		return a, DownCommand, c, nil
	}
	for _, k := range leaves {
		if l == k && l != DownCommand {
			return a, l, "", nil
		}
	}
	return bad("no such leaf")
}
