package main

import (
	"os/exec"
	"strings"
)

// program is one that is timed over a capture.
type program struct {
	name    string
	deb     string // Debian package; empty: ours
	path    string // empty: to be looked for
	args    []string
	flooded bool // timed over the flood too
}

// readLoop is the program that all are compared with.
const readLoop = "read loop"

// programs lists those that are timed. The capture's name comes in place of FILE. What they print goes nowhere.
func programs(self, cafeprobe string) []program {
	return []program{
		{readLoop, "", self, []string{"read", "FILE"}, true},
		{"cafeprobe inspect", "", cafeprobe, []string{"inspect", "FILE"}, true},
		{"cafeprobe inspect --json", "", cafeprobe, []string{"inspect", "--json", "FILE"}, true},
		{"ndpiReader -q -i", "libndpi-bin", "", []string{"-q", "-i", "FILE"}, false},
		{"softflowd -r", "softflowd", "", []string{"-r", "FILE"}, false},
		{"p0f -r", "p0f", "", []string{"-r", "FILE"}, false},
		{"argus -r … -w /dev/null", "argus-server", "", []string{"-r", "FILE", "-w", "/dev/null"}, false},
		{"tshark -q -r", "tshark", "", []string{"-q", "-r", "FILE"}, false},
	}
}

// find says where p is. ok is false where it is not installed.
func (p *program) find() (ok bool) {
	if p.path != "" {
		return true
	}
	word, _, _ := strings.Cut(p.name, " ")
	for _, place := range []string{word, "/usr/sbin/" + word} {
		if path, err := exec.LookPath(place); err == nil {
			p.path = path
			return true
		}
	}
	return false
}

// version is what Debian calls the version of p's package.
func (p *program) version() string {
	if p.deb == "" {
		return "this one"
	}
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", p.deb).Output()
	if err != nil {
		return "not from a package"
	}
	return string(out)
}

// command returns p over a capture.
func (p *program) command(capture string) *exec.Cmd {
	args := make([]string, len(p.args))
	for i, a := range p.args {
		if args[i] = a; a == "FILE" {
			args[i] = capture
		}
	}
	return exec.Command(p.path, args...)
}
