package provision

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cafeprobe/firmware/config"
	"cafeprobe/firmware/init/ports"
	"cafeprobe/firmware/init/provision"
)

const roomText = `
all:
  province: ha-giang
  key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
  broker: ssl://box.example.org:8883
  enroll: https://box.example.org:8443
  ca: ca.pem
  forbidden: 22:00-08:00
  dns: [192.168.1.1]
boxes:
  - box: b-00000001
    name: Quán Hoa Sữa
    claim: ABCD-EFGH
  - box: b-00000002
    claim: IJKL-MNOP
    category: agent
    page: off
    address: 192.168.1.10/24
    gateway: 192.168.1.1
    vlan: 30
`

func load(t *testing.T, text string) (*Room, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"room.yaml": text, "ca.pem": "a certificate"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return LoadRoom(filepath.Join(dir, "room.yaml"))
}

func content(files []provision.File, name string) string {
	i := slices.IndexFunc(files, func(f provision.File) bool { return f.Name == name })
	if i < 0 {
		return ""
	}
	return string(files[i].Data)
}

// TestRoom: each box has what all have, and what is its own.
func TestRoom(t *testing.T) {
	r, err := load(t, roomText)
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Box("b-00000002")
	if err != nil {
		t.Fatal(err)
	}
	files, err := second.Files()
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse([]byte(content(files, "config.json")))
	if err != nil {
		t.Fatal(err)
	}
	if c.Box.ID != "b-00000002" || c.Box.Province != "ha-giang" || c.Uplink.TLS.Claim != "IJKL-MNOP" || c.Cafe.Category != "agent" ||
		c.Cafe.Forbidden != "22:00-08:00" || c.Capture.Interface != ports.Capture || c.Page() {
		t.Errorf("config %+v", c)
	}
	n, err := ports.ParseSettings([]byte(content(files, "net.json")))
	if err != nil || n.VLAN != 30 || n.Address.String() != "192.168.1.10/24" || len(n.DNS) != 1 {
		t.Errorf("net %+v, %v", n, err)
	}
	if content(files, "state/tls/ca.pem") != "a certificate" {
		t.Error("the CA is not read from beside the file")
	}
	first, err := r.Box("b-00000001")
	if err != nil {
		t.Fatal(err)
	}
	files, err = first.Files()
	if err != nil {
		t.Fatal(err)
	}
	if c, err := config.Parse([]byte(content(files, "config.json"))); err != nil || !c.Page() {
		t.Errorf("a box of which nothing is said has no page for its owner (%v)", err)
	}
	if n, err := ports.ParseSettings([]byte(content(files, "net.json"))); err != nil || n.Address.IsValid() || n.DNS != nil {
		t.Errorf("with DHCP: %+v, %v", n, err)
	}
	if _, err := r.Box(""); !errors.Is(err, ErrRoom) {
		t.Errorf("which of two: %v", err)
	}
}

// TestRoomText: what a province writes is what a technician reads.
func TestRoomText(t *testing.T) {
	r, err := ParseRoom([]byte(roomText))
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.Text()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseRoom(text)
	if err != nil {
		t.Fatal(err)
	}
	a, err1 := json.Marshal(r)
	b, err2 := json.Marshal(again)
	if string(a) != string(b) || err1 != nil || err2 != nil {
		t.Errorf("%s\n%s", a, b)
	}
}

// TestRoomFaults: each mistake is found before a box is told anything, and named.
func TestRoomFaults(t *testing.T) {
	f := func(old, new, want string) {
		t.Helper()
		r, err := load(t, strings.Replace(roomText, old, new, 1))
		for _, id := range []string{"b-00000001", "b-00000002"} {
			if err != nil {
				break
			}
			var b Box
			if b, err = r.Box(id); err == nil {
				_, err = b.Files()
			}
		}
		if !errors.Is(err, ErrRoom) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", new, err, want)
		}
	}
	f("province: ha-giang", "provinz: ha-giang", "provinz")
	f("province: ha-giang", "province: Hà Giang", "province")
	f("b-00000002", "b-00000001", "twice")
	f("b-00000002", "quan-2", "b- and eight")
	f("broker: ssl://box.example.org:8883", "", "broker")
	f("enroll: https", "enroll: http", "enroll")
	f("key: A", "key: short-A", "box.key")
	f("category: agent", "category: cafe", "category")
	f("page: off", "page: never", "page")
	f("22:00-08:00", "22-8", "forbidden")
	f("192.168.1.10/24", "192.168.1.10", "address")
	f("gateway: 192.168.1.1", "gateway: 10.0.0.1", "gateway")
	f("vlan: 30", "vlan: 9999", "vlan")
	f("ca.pem", "nonesuch.pem", "ca")
	f("boxes:", "boxes: []\nrest:", "rest")
}

// FuzzRoom: whatever a file says, what a box is given passes what the box holds it against.
func FuzzRoom(f *testing.F) {
	f.Add([]byte(roomText))
	f.Add([]byte("all: &a {ca: x}\nboxes: [{box: b-00000001, <<: *a}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRoom(text)
		if err != nil {
			return
		}
		for _, b := range r.Boxes {
			b := b.over(r.All)
			b.CA = "" // no file of this machine is to be read
			files, err := b.Files()
			if err != nil {
				continue
			}
			if _, err := config.Parse([]byte(content(files, "config.json"))); err != nil {
				t.Errorf("%v", err)
			}
		}
	})
}
