package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// table is what `make bench-uplink` prints.
type table struct {
	rows    [][]string
	rawMQTT rate      // of mosquitto alone
	rawTrip []float64 // milliseconds from publish to a subscriber, one message at a time
}

// rate is what crossed in a second.
type rate struct{ records, octets float64 }

// add adds a figure. beside is what it is to be held against, measured in the same run; 0 for none.
func (t *table) add(what, unit string, got, beside float64, name string) {
	row := []string{what, number(got) + " " + unit, "", ""}
	if beside > 0 {
		row[2], row[3] = number(beside)+" "+unit+", "+name, fmt.Sprintf("%.2f", got/beside)
	}
	t.rows = append(t.rows, row)
}

// memory adds what a process takes.
func (t *table) memory(when, who string, m memory) {
	mib := func(n int) string { return number(float64(n) / (1 << 20)) }
	t.rows = append(t.rows, []string{
		"memory of " + who + " " + when, fmt.Sprintf("VmRSS %s MiB, VmHWM %s MiB", mib(m.Resident), mib(m.Peak)),
		"anonymous (RssAnon) " + mib(m.Anonymous) + " MiB", fmt.Sprintf("%.2f", float64(m.Resident)/float64(m.Anonymous)),
	})
}

// spread adds percentiles of times in milliseconds, each against that of beside, nil for none.
func (t *table) spread(what string, times, beside []float64, name string) {
	for _, p := range []float64{50, 95, 99} {
		against := 0.0
		if len(beside) > 0 {
			against = percentile(beside, p)
		}
		t.add(fmt.Sprintf("%s, p%.0f of %d", what, p, len(times)), "ms", percentile(times, p), against, name)
	}
}

// percentile returns the smallest of times that p percent of them do not exceed.
func percentile(times []float64, p float64) float64 {
	s := slices.Sorted(slices.Values(times))
	i := int(float64(len(s))*p/100+0.999999) - 1
	return s[min(max(i, 0), len(s)-1)]
}

// number writes three digits, or a whole number.
func number(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// String returns the table in Markdown, with what it was measured on.
func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %d cores, Linux %s, Go %s, files on %s; load average at the end %s.\n\n", time.Now().UTC().Format(time.DateOnly), processor(),
		runtime.NumCPU(), said("/proc/sys/kernel/osrelease"), strings.TrimPrefix(runtime.Version(), "go"), fileSystem(os.TempDir()),
		said("/proc/loadavg"))
	b.WriteString("| what | measured | beside it, in the same run | ratio |\n|---|---|---|---|\n")
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r, " | "))
	}
	return b.String()
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // "unknown processor", if it cannot be read
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// said returns what a file of the kernel says.
func said(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// fileSystem names the type of the file system that path is on (statfs(2)).
func fileSystem(path string) string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return err.Error()
	}
	names := map[int64]string{0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs", 0x794c7630: "overlayfs"}
	if name := names[int64(s.Type)]; name != "" {
		return name
	}
	return fmt.Sprintf("a file system of type %#x", s.Type)
}

// TestTable: the percentiles are those of a list that a person can count, and a ratio is got over beside.
func TestTable(t *testing.T) {
	var times []float64
	for i := 100; i >= 1; i-- {
		times = append(times, float64(i))
	}
	for _, p := range []float64{1, 50, 95, 99, 100} {
		if got := percentile(times, p); got != p {
			t.Errorf("p%v of 1 to 100: %v, want %v", p, got, p)
		}
	}
	if got := percentile([]float64{7}, 99); got != 7 {
		t.Errorf("p99 of one value, 7: %v", got)
	}
	var tab table
	tab.add("x", "MB/s", 50, 200, "raw")
	if got, want := tab.String(), "| x | 50 MB/s | 200 MB/s, raw | 0.25 |\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end with %q", got, want)
	}
}

// benchFile is where the table is left beside being printed.
var benchFile = filepath.Join("..", "..", "out", "bench", "uplink.md")
