// Package archtest holds the shape of the project as data: which package may import which, and what the pure and the
// hot packages may not do. Its tests compare the data with the code.
package archtest

// Arrow says what the non-test files of the packages that match From may import, beside the standard library.
// A pattern is a path below the module: "capture" is that package alone, "capture/*" one level below it, "capture/..."
// it and all below it.
type Arrow struct {
	From    string
	Inside  []string // packages of this module
	Outside []string // other modules, by the beginning of the import path
}

// Arrows, in the order of the walk. A package takes the first row that matches; one that matches none is an error, so
// that a new package is placed before it is written.
var Arrows = []Arrow{
	{"capture", nil, nil},
	{"capture/decode", []string{"capture"}, []string{"github.com/google/gopacket", "golang.org/x/crypto"}},
	{"capture/flow", []string{"capture"}, nil},
	{"capture/title", []string{"capture"}, nil},
	{"capture/handoff", []string{"capture"}, nil},
	{"capture/afpacket", []string{"capture"}, []string{"golang.org/x/net/bpf", "golang.org/x/sys/unix"}},
	{"capture/remote", []string{"capture", "capture/decode"}, []string{"golang.org/x/sys/unix"}},
	{"capture/merge", []string{"capture"}, []string{"golang.org/x/sys/unix"}},
	{"capture/pcapfile", []string{"capture"}, []string{"github.com/klauspost/compress"}},
	{"capture/capturetest/testdata/cafe", nil, nil},
	{"capture/capturetest", []string{"capture", "capture/capturetest/testdata/cafe"}, []string{"github.com/google/gopacket", "golang.org/x/sys/unix"}},

	{"board", nil, nil},
	{"board/boardtest", []string{"board"}, nil},
	{"board/virt", []string{"board"}, nil},
	{"board/watchdog", []string{"board"}, []string{"golang.org/x/sys/unix"}},
	{"board/button", []string{"board"}, []string{"golang.org/x/sys/unix"}},
	{"board/wear", []string{"board"}, []string{"golang.org/x/sys/unix"}},
	{"board/detect", []string{"board", "board/led", "board/watchdog", "board/button", "board/thermal", "board/wear", "board/supply"}, nil},
	{"board/*", []string{"board"}, nil},

	{"uplink", nil, nil},
	{"uplink/checkpoint", []string{"uplink"}, []string{"golang.org/x/mod/sumdb/note"}},
	{"uplink/replacement", []string{"uplink", "uplink/checkpoint"}, []string{"golang.org/x/mod/sumdb/note"}},
	{"uplink/export", []string{"uplink", "uplink/checkpoint", "uplink/replacement"}, nil},
	{"uplink/durable", nil, nil},
	{"uplink/fingerprint", nil, nil},
	{"uplink/schema", nil, nil},
	{"uplink/label", nil, nil},
	{"uplink/spool", []string{"uplink", "uplink/durable", "uplink/label"}, []string{"go.etcd.io/bbolt"}},
	{"uplink/mqtt", []string{"uplink"}, []string{"github.com/eclipse/paho.mqtt.golang"}},
	{"uplink/credential", []string{"uplink", "uplink/durable"}, nil},
	{"uplink/forward", []string{"uplink", "uplink/checkpoint", "uplink/mqtt", "uplink/spool"}, nil},

	{"firmware/evidence", []string{"capture", "firmware/state"}, nil},
	{"firmware/cafe", []string{"capture", "capture/title", "firmware/evidence", "firmware/state"}, nil},
	{"firmware/state", nil, nil},
	{"firmware/hours", nil, nil},
	{"firmware/refusal", []string{"uplink"}, nil},
	{"firmware/command", []string{"uplink", "uplink/durable"}, nil},
	{"firmware/clock", []string{"uplink"}, nil},
	{"firmware/clock/boottime", nil, []string{"golang.org/x/sys/unix"}},
	{"firmware/clock/sntp/sntptest", nil, nil},
	{"firmware/clock/sntp", []string{"firmware/clock", "uplink"}, []string{"github.com/beevik/ntp"}},
	{"firmware/clock/keeper", []string{"firmware/clock", "uplink"}, nil},
	{"firmware/titles", []string{"capture/title", "uplink", "uplink/checkpoint", "uplink/durable"}, []string{"golang.org/x/mod/sumdb/note"}},
	{"firmware/silence", nil, []string{"golang.org/x/net/bpf", "golang.org/x/sys/unix"}},
	{"firmware/silence/testdata/...", []string{"firmware/silence"}, []string{"golang.org/x/sys/unix"}},
	{"firmware/life", []string{"firmware/clock/...", "uplink", "uplink/durable"}, nil},
	{"firmware/account", []string{"capture", "firmware/cafe", "firmware/hours", "firmware/state", "uplink"}, nil},
	{"firmware/ledger", []string{"firmware/hours", "uplink"}, nil},
	{"firmware/owner", []string{"firmware/hours", "firmware/ledger", "uplink", "uplink/durable", "uplink/fingerprint", "uplink/schema"}, nil},
	{"firmware/sheet", nil, []string{"github.com/go-fonts/dejavu", "github.com/go-pdf/fpdf", "rsc.io/qr"}},
	{"firmware/proof", []string{"firmware/hours", "firmware/ledger", "firmware/sheet", "uplink", "uplink/checkpoint", "uplink/export", "uplink/fingerprint"}, []string{"github.com/go-pdf/fpdf"}},
	{"firmware/pipeline", []string{"capture/...", "firmware/cafe", "firmware/account", "uplink"}, nil},
	{"firmware/health", []string{"board", "uplink"}, nil},
	{"firmware/console/consoletest", nil, []string{"golang.org/x/sys/unix"}},
	{"firmware/console", nil, nil},
	{"firmware/initctl", []string{"firmware/health"}, []string{"golang.org/x/sys/unix"}},
	{"firmware/bootstate", nil, nil},
	{"firmware/slot", []string{"firmware/bootstate"}, []string{"golang.org/x/sys/unix"}},
	{"firmware/update", []string{"firmware/bootstate", "firmware/slot", "uplink", "uplink/durable"}, nil},
	{"firmware/update/trust", []string{"firmware/slot", "firmware/update", "uplink/durable"}, []string{"github.com/theupdateframework/go-tuf"}},
	{"firmware/update/fetch", []string{"firmware/slot", "firmware/update/..."}, nil},
	{"firmware/init/kernel", nil, []string{"golang.org/x/sys/unix"}},
	{"firmware/init/ports", nil, []string{"github.com/vishvananda/netlink", "github.com/insomniacslk/dhcp"}},
	{"firmware/init/part", nil, nil},
	{"firmware/init/stick", []string{"firmware/init/part"}, []string{"golang.org/x/sys/unix"}},
	{"firmware/init/judge", []string{"firmware/health"}, nil},
	{"firmware/init/tty", nil, []string{"golang.org/x/sys/unix"}},
	{"firmware/init/power", nil, []string{"golang.org/x/sys/unix"}},
	{"firmware/init/events", []string{"uplink/durable"}, nil},
	{"firmware/init/crash", []string{"uplink/durable"}, []string{"golang.org/x/sys/unix"}},
	{"firmware/init/provision", []string{"uplink/durable"}, nil},
	{"firmware/init/commission", []string{"firmware/console", "firmware/init/provision", "uplink"}, nil},
	{"firmware/init/data", []string{"firmware/init/part"}, []string{"github.com/klauspost/compress", "golang.org/x/sys/unix"}},
	{"firmware/init/run", nil, []string{"golang.org/x/sys/unix"}},
	{"firmware/init/testdata/...", []string{"firmware/init/kernel"}, nil},
	{"firmware/init", []string{"board/...", "firmware/...", "uplink/..."}, []string{"golang.org/x/sys/unix"}},
	{"firmware/vm", nil, []string{"golang.org/x/sys/unix"}},
	{"firmware/config", []string{"capture/remote", "firmware/cafe", "firmware/hours", "uplink", "uplink/durable"}, nil},
	{"firmware/image", []string{"firmware/image/..."}, []string{"github.com/klauspost/compress/zstd"}},
	{"firmware/image/imagetest", []string{"firmware/image"}, nil},
	{"firmware/image/fit", []string{"firmware/image/fdt"}, nil},
	{"firmware/image/kmod", []string{"firmware/image/fdt"}, []string{"github.com/ulikunitz/xz"}},
	{"firmware/image/disk", nil, []string{"github.com/diskfs/go-diskfs", "github.com/google/uuid"}},
	{"firmware/image/...", nil, nil},
	{"firmware/updater", []string{"firmware/update/fetch"}, nil},
	{"firmware/cafeprobed", []string{"board/...", "capture/...", "uplink/...", "firmware/..."}, nil},

	{"tools/province/...", []string{"uplink/...", "tools/province/..."}, []string{
		"github.com/mochi-mqtt/server", "github.com/eclipse/paho.mqtt.golang", "golang.org/x/net/netutil", "golang.org/x/text", "modernc.org/sqlite",
	}},
	{"tools/e2e/...", nil, nil}, // tests only: of whole programs
	{"tools/soak/...", []string{"tools/soak/..."}, nil},
	{"tools/green", []string{"firmware/image/imagetest", "firmware/update", "tools/release", "tools/soak/gotest"}, nil},
	{"tools/mix", []string{"capture", "capture/decode", "capture/pcapfile"}, nil},
	{"tools/bench", []string{"capture", "capture/pcapfile", "firmware/pipeline", "tools/mix"}, nil},
	{"tools/benchlive", []string{"capture/afpacket", "firmware/pipeline", "uplink"}, []string{"golang.org/x/sys/unix"}},
	{"tools/release", []string{"firmware/update", "uplink/durable"}, []string{"github.com/sigstore/sigstore/pkg/signature", "github.com/theupdateframework/go-tuf"}},
	{"tools/label", []string{"firmware/sheet"}, nil},
	{"tools/port", []string{"firmware/console", "tools/lang"}, []string{"go.bug.st/serial"}},
	{"tools/provision", []string{"firmware/...", "tools/lang", "tools/port", "uplink"}, []string{"github.com/goccy/go-yaml"}},
	{"tools/lang", []string{"firmware/health"}, nil},
	{"tools/flash", []string{"firmware/image", "firmware/init/data", "firmware/init/part", "firmware/init/provision", "tools/lang"}, []string{"github.com/klauspost/compress", "github.com/ulikunitz/xz", "golang.org/x/sys/unix"}},
	{"tools/archtest", nil, []string{"golang.org/x/tools"}},
	{"tools/lab/day", nil, nil},
	{"tools/lab", []string{"capture/...", "tools/lab/day", "tools/sim", "firmware/config", "tools/province", "uplink/..."}, []string{
		"github.com/chromedp/chromedp", "github.com/quic-go", "github.com/klauspost/compress", "golang.org/x", "github.com/google/gopacket",
	}},
	{"tools/sim", []string{"capture", "tools/sim/shape"}, nil},
	{"tools/sim/shape", nil, nil},
	{"tools/sim/wire", []string{"capture", "tools/sim/..."}, nil},
	{"tools/sim/sight", []string{"capture/...", "firmware/evidence", "firmware/state", "tools/sim/..."}, nil},
	{"tools/sim/timeline", []string{"firmware/state", "tools/sim/..."}, nil},
	{"tools/sim/judge", []string{"capture", "firmware/cafe", "firmware/hours", "firmware/state", "tools/sim/...", "tools/soak/..."}, nil},
	{"tools/cafeprobe/...", []string{"capture/...", "uplink/...", "firmware/...", "board/...", "tools/..."}, []string{
		"github.com/alecthomas/kong",
		"github.com/google/gopacket", "github.com/schollz/progressbar",
		"go.bug.st/serial", "golang.org/x/sys/unix", "golang.org/x/term",
	}},
}

// Ban names what a package may not do.
type Ban struct {
	Package string
	Why     string
	Imports []string // standard packages it may not import
	Calls   []string // functions it may not name, as package.Name
	Go      bool     // it may start no goroutine
	Init    bool     // it may have no init function
}

var (
	impure = []string{"os", "net", "net/http", "log", "log/slog", "io/ioutil", "os/exec", "syscall", "math/rand", "math/rand/v2"}
	clocks = []string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.Tick", "time.NewTimer", "time.NewTicker", "time.AfterFunc"}
	prints = []string{"fmt.Print", "fmt.Printf", "fmt.Println", "fmt.Fprint", "fmt.Fprintf", "fmt.Fprintln"}
)

// Bans: pure packages have no clock, no input or output and no goroutine; hot ones besides take no lock.
var Bans = []Ban{
	{"capture", "pure", impure, append(clocks, prints...), true, true},
	{"capture/decode", "hot", append([]string{"sync", "sync/atomic"}, impure...), append(clocks, prints...), true, true},
	{"capture/flow", "hot", append([]string{"sync", "sync/atomic"}, impure...), append(clocks, prints...), true, true},
	{"capture/title", "hot", append([]string{"sync", "sync/atomic"}, impure...), append(clocks, prints...), true, true},
	{"capture/handoff", "starts nothing, logs nothing", []string{"log", "log/slog"}, append(clocks, prints...), true, true},
	{"capture/afpacket", "starts nothing, logs nothing", []string{"log", "log/slog"}, prints, true, true},
	{"capture/remote", "starts nothing, logs nothing", []string{"log", "log/slog"}, prints, true, true},
	{"capture/merge", "starts nothing, logs nothing", []string{"log", "log/slog"}, prints, true, true},
	{"capture/pcapfile", "starts nothing, logs nothing", []string{"log", "log/slog"}, append(clocks, prints...), true, true},
	{"firmware/evidence", "pure", append([]string{"sync", "sync/atomic"}, impure...), append(clocks, prints...), true, true},
	{"firmware/cafe", "pure", append([]string{"sync", "sync/atomic"}, impure...), append(clocks, prints...), true, true},
	{"firmware/state", "pure", append([]string{"sync", "sync/atomic"}, impure...), append(clocks, prints...), true, true},
	{"firmware/hours", "pure", append([]string{"sync", "sync/atomic"}, impure...), append(clocks, prints...), true, true},
	{"firmware/account", "pure", append([]string{"sync", "sync/atomic"}, impure...), append(clocks, prints...), true, true},
	{"firmware/ledger", "pure", append([]string{"sync", "sync/atomic"}, impure...), append(clocks, prints...), true, true},
	{"firmware/clock", "pure", impure, append(clocks, prints...), true, true},
	{"firmware/health", "pure", append([]string{"sync", "sync/atomic"}, impure...), append(clocks, prints...), true, true},
	{"firmware/console", "pure", impure, append(clocks, prints...), true, true},
	{"board", "pure", impure, append(clocks, prints...), true, true},
	{"tools/mix", "made of its seed alone", []string{"log", "log/slog", "net", "math/rand"}, append(clocks, prints...), true, true},
	{"tools/sim", "made of its seed alone", []string{"log", "log/slog", "net", "math/rand"}, clocks, true, true},
	{"tools/sim/shape", "made of its seed alone", []string{"log", "log/slog", "net", "math/rand"}, append(clocks, prints...), true, true},
	{"tools/sim/sight", "made of its seed alone", []string{"log", "log/slog", "net", "math/rand"}, append(clocks, prints...), true, true},
	{"tools/sim/wire", "made of its seed alone", []string{"log", "log/slog", "net", "math/rand"}, append(clocks, prints...), true, true},
	{"uplink", "pure", []string{"net", "net/http", "log", "log/slog", "os/exec", "syscall"}, append(clocks, prints...), true, true},
}

// BoxMains are the programs that run on the box: what they link may use no cgo, so that one go build crosses to arm64
// and armv7.
var BoxMains = []string{"firmware/cafeprobed", "firmware/init", "firmware/updater"}
