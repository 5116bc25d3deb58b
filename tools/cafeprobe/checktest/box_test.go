package checktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cafeprobe/firmware/console/consoletest"
	"cafeprobe/firmware/init/provision"
	tech "cafeprobe/tools/provision"

	"golang.org/x/sys/unix"
)

// upAt is how long a box has run by its own clock when its program begins.
const upAt = 15 * time.Second

// box is a box in its café.
type box struct {
	c    *cafe
	root string
	name string // the technician's end of its serial cable
}

// newBox makes a box that was given the files of a technician, changed by change.
func (c *cafe) newBox(change func(*tech.Box)) *box {
	c.t.Helper()
	b := &box{c: c, root: filepath.Join(c.dir, "root")}
	made, err := c.w.room.Box(boxID(c.n))
	if err != nil {
		c.t.Fatal(err)
	}
	if change != nil {
		change(&made)
	}
	files, err := made.Files()
	if err == nil {
		for _, name := range []string{"bin", "etc", "data"} {
			err = errors.Join(err, os.MkdirAll(filepath.Join(b.root, name), 0o755))
		}
		err = errors.Join(err, os.Chmod(b.root, 0o755), os.Link(c.w.daemon, filepath.Join(b.root, "bin/cafeprobed")))
	}
	for name, v := range map[string]any{
		"board.json":   map[string]any{"name": "nanopi-r2s", "console": map[string]any{"device": "ttyS2", "baud": 115200}},
		"release.json": map[string]any{"version": "2026.11.0", "number": 12, "board": "nanopi-r2s", "built": time.Now().UTC()},
	} {
		text, jerr := json.Marshal(v)
		err = errors.Join(err, jerr, os.WriteFile(filepath.Join(b.root, "etc", name), text, 0o644))
	}
	if err == nil {
		err = provision.Unpack(filepath.Join(b.root, "data/cafeprobe"), files)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// start switches the box on.
func (b *box) start() {
	t := b.c.t
	t.Helper()
	here, inside := consoletest.Pair(t)
	there, name := consoletest.Pair(t)
	go func() { _, _ = io.Copy(here, there) }() // the cable between both ends
	go func() { _, _ = io.Copy(there, here) }()
	b.name = name
	var up unix.Sysinfo_t
	if err := unix.Sysinfo(&up); err != nil {
		t.Fatal(err)
	}
	b.c.said = filepath.Join(b.c.dir, "box.log")
	clock := fmt.Sprintf("--boottime=%d", int64(upAt/time.Second)-up.Uptime)
	start(t, b.c.box, b.c.said, []string{"CAFEPROBE_STAGE=" + b.root, "CAFEPROBE_STAGE_CONSOLE=" + inside},
		"unshare", "--mount", "--pid", "--fork", "--kill-child", "--time", clock, b.c.w.init)
}

// verdict is what cafeprobe check says.
type verdict struct {
	status int
	asked  string // the command, as a person gives it
	text   string // as a person reads it
	doc    document
}

type document struct {
	Box, State, Fingerprint string
	Points                  []point
}

type point struct{ Name, State, Why, Text, More, Do, By string }

// check runs cafeprobe check for at most so long.
func (b *box) check(most time.Duration) (v verdict) {
	t := b.c.t
	t.Helper()
	cmd := exec.Command(b.c.w.tool, "check", "--port", b.name, "--stations", fmt.Sprint(pcs), "--for", most.String(), "--lang", "vi", "--json")
	v.asked = fmt.Sprintf("$ cafeprobe check --port /dev/ttyUSB0 --stations %d --for %v --lang vi --json >verdict.json\n", pcs, most)
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		v.status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	v.text = text.String()
	if err := json.Unmarshal(out.Bytes(), &v.doc); err != nil {
		t.Fatalf("check: status %d, %v: %s%s", v.status, err, out.String(), v.text)
	}
	return v
}

// amiss returns what is not well, a line each.
func (v *verdict) amiss() (list []string) {
	for _, p := range v.doc.Points {
		if p.State == "ok" || p.Why == "no-sensor" {
			continue
		}
		list = append(list, p.line())
	}
	return list
}

// line says it in words of the program: point, state, why, and by what.
func (p *point) line() string {
	line := strings.Join([]string{p.Name, p.State, p.Why}, " ")
	if p.By != "" {
		line += " by " + p.By
	}
	return line
}
