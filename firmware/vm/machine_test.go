package vm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// uboot returns Debian's U-Boot for QEMU's virt machine. In CI it has to be there: make installs it.
func uboot(t *testing.T) string {
	t.Helper()
	const path = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
	_, err1 := os.Stat(path)
	_, err2 := exec.LookPath("qemu-system-aarch64")
	if err1 != nil || err2 != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no QEMU or no U-Boot, and this is CI: apt-get install qemu-system-arm u-boot-qemu")
		}
		t.Skip("no QEMU or no U-Boot: apt-get install qemu-system-arm u-boot-qemu")
	}
	return path
}

func start(t *testing.T, cfg Config) (*Machine, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	m, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m, ctx
}

// TestMachine: a box whose boot loader finds nothing to boot falls through to the network, as stock U-Boot does, on the capture
// port too. So a frame that a box sends is seen, from its first second on.
func TestMachine(t *testing.T) {
	m, ctx := start(t, Config{Arch: ARM64, Firmware: uboot(t), NoUplink: true})
	if _, err := m.Serial.Expect(ctx, `U-Boot 20\d\d`); err != nil {
		t.Fatal(err)
	}
	for {
		if n, first := m.Capture.FromBox(); n > 0 {
			if !bytes.Contains(first[0], []byte("U-Boot")) {
				t.Errorf("first frame % x, want a DHCP message of U-Boot's", first[0])
			}
			break
		}
		if _, err := m.Serial.Expect(ctx, `\n`); err != nil {
			t.Fatalf("no frame from U-Boot's network boot: %v", err)
		}
	}
	if err := m.Reset(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Serial.Expect(ctx, `U-Boot 20\d\d`); err != nil {
		t.Errorf("after a reset: %v", err)
	}
	if err := m.Kill(); err != nil {
		t.Error(err)
	}
	if _, err := m.Serial.Expect(ctx, "never said"); err == nil || !strings.Contains(err.Error(), "U-Boot") {
		t.Errorf("console of a box that ended: %v, want its last lines", err)
	}
}

// TestWriteLog: what U-Boot writes to the disk is in the log, with its octets.
func TestWriteLog(t *testing.T) {
	dir := t.TempDir()
	disk, log := filepath.Join(dir, "disk"), filepath.Join(dir, "log")
	if err := os.WriteFile(disk, make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	m, ctx := start(t, Config{Arch: ARM64, Firmware: uboot(t), NoUplink: true, Disk: disk, WriteLog: log})
	say := func(line string) {
		t.Helper()
		if _, err := m.Serial.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Serial.Expect(ctx, `=> $`); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Serial.Expect(ctx, `stop autoboot`); err != nil {
		t.Fatal(err)
	}
	say("")
	say("virtio scan")
	say("mw.l 0x41000000 0xcafe0001 0x80; virtio write 0x41000000 7 1")
	say("mw.l 0x41000000 0xcafe0002 0x80; virtio write 0x41000000 9 1")
	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	l, err := LoadLog(log)
	if err != nil {
		t.Fatal(err)
	}
	var at []int64
	for _, w := range l.Writes {
		if len(w.Data) > 0 {
			at = append(at, w.Offset)
		}
	}
	if len(at) != 2 || at[0] != 7*512 || at[1] != 9*512 || l.Writes[0].Data[0] != 1 {
		t.Errorf("writes at %v, want sectors 7 and 9: %+v", at, l.Writes)
	}
}

// TestUEFI: a PC's firmware sends by itself from each port that it has a driver for, long before anything of an image runs, and what it
// sends is seen from power-on; from the capture port of an emulated PC it sends nothing.
func TestUEFI(t *testing.T) {
	dir := t.TempDir()
	code, vars, err := UEFI(dir)
	if _, missing := exec.LookPath("qemu-system-x86_64"); err != nil || missing != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no QEMU or no OVMF, and this is CI: apt-get install qemu-system-x86 ovmf")
		}
		t.Skip("no QEMU or no OVMF: apt-get install qemu-system-x86 ovmf")
	}
	// Without a disk it tries what there is, the network too.
	run := func(nic string) (sent uint64, first [][]byte) {
		m, ctx := start(t, Config{Arch: AMD64, Firmware: code, Vars: vars, NIC: nic, NoUplink: true})
		defer m.Close()
		if nic == "" {
			if _, err := m.Serial.Expect(ctx, `BdsDxe: (starting|No bootable option)`); err != nil { // its shell, the last resort
				t.Fatal(err)
			}
			return m.Capture.FromBox()
		}
		for ; sent == 0; sent, first = m.Capture.FromBox() {
			select {
			case <-ctx.Done():
				t.Fatalf("OVMF sends nothing from a port that it has a driver for; its console ends with:\n%s", m.Serial.Tail())
			case <-time.After(100 * time.Millisecond):
			}
		}
		return sent, first
	}
	if sent, first := run(""); sent != 0 {
		t.Errorf("%d frames left the capture port, the first % x", sent, first[0])
	}
	if _, first := run("virtio-net-pci"); !bytes.Contains(first[0][6:12], []byte{0x52, 0x54, 0, 0xca, 0xfe, 0x04}) {
		t.Errorf("first frame % x, want one of the port's", first[0])
	}
}

// TestCannotWrite: a disk that is worn, or that is write-protected, can be read and not be written to.
func TestCannotWrite(t *testing.T) {
	for name, cfg := range map[string]Config{"worn": {Worn: 1}, "write-protected": {ReadOnly: true}} {
		cfg.Arch, cfg.Firmware, cfg.NoUplink, cfg.Disk = ARM64, uboot(t), true, filepath.Join(t.TempDir(), "disk")
		if err := os.WriteFile(cfg.Disk, bytes.Repeat([]byte{7}, 1<<20), 0o644); err != nil {
			t.Fatal(err)
		}
		m, ctx := start(t, cfg)
		say := func(line, want string) {
			t.Helper()
			if _, err := m.Serial.Write([]byte(line + "\n")); err != nil {
				t.Fatal(err)
			}
			if _, err := m.Serial.Expect(ctx, want); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if _, err := m.Serial.Expect(ctx, `stop autoboot`); err != nil {
			t.Fatal(err)
		}
		say("", `=> $`)
		say("virtio scan", `=> $`)
		say("virtio read 0x41000000 0 1", `1 blocks read: OK`)
		say("virtio write 0x41000000 7 1", `blocks written: ERROR`)
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(cfg.Disk); err != nil || bytes.Count(b, []byte{7}) != len(b) {
			t.Errorf("%s: %v, or something was written", name, err)
		}
	}
}
