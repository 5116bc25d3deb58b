package checktest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cafeprobe/firmware/life"
	tech "cafeprobe/tools/provision"
	"cafeprobe/uplink"
)

// long says that each case is followed until the vantage is judged, too.
func long() bool { return os.Getenv("SOAK") != "" }

// How long a box is checked at most. In the short run nothing is waited for but what ends by itself: the box reports every ten seconds.
const (
	shortTime = 18 * time.Second
	longTime  = 7 * time.Minute // the summary that tells of a plain port comes after five
	goneTime  = 17 * time.Minute
)

// Exit statuses of cafeprobe check.
const (
	statusOK   = 0
	statusLook = 3
	statusBad  = 4
)

// scene is a café with one thing wrong.
type scene struct {
	name  string
	what  string // in the document
	quick bool   // it is part of the short run

	ntp    []string // addresses of the time servers; nil: right
	names  []string // options of the router's dnsmasq; nil: none
	asleep bool     // the router gives no addresses
	room   func(w *world, b *tech.Box)
	lay    func(c *cafe)         // before the box is switched on; nil: a mirror of the router's port
	begin  func(b *box)          // likewise
	after  func(b *box)          // the box runs
	then   func(b *box) *verdict // after all is well; nil: nothing more
	status int
	amiss  []string // in the order of the points: name, state, why, "by" and what
	do     []string // what the remedies of those that nothing explains say, in the same order
}

// scenes are those that there are.
var scenes = []scene{
	{name: "mirror", what: "cổng sao chép đúng (cổng bộ định tuyến, cả hai chiều)", status: statusOK},
	{
		name: "plain", what: "cổng thường, không sao chép", lay: (*cafe).plain, status: statusLook,
		amiss: []string{"vantage warn plain"}, do: []string{"sao chép cổng nối với bộ định tuyến"},
	},
	{
		name: "one-way", what: "bản sao chỉ có một chiều", lay: func(c *cafe) { c.mirror("ingress") }, status: statusLook,
		amiss: []string{"vantage warn one-way", "stations warn few by vantage"}, do: []string{"Đặt cả hai chiều"},
	},
	{
		name: "removed", what: "bản sao bị gỡ giữa chừng", status: statusOK, then: removed,
	},
	{
		name: "no-frames", what: "cổng là nguồn thay vì đích của bản sao", lay: func(*cafe) {}, status: statusBad,
		amiss: []string{"vantage bad no-frames", "stations warn few by vantage"}, do: []string{"đang là nguồn thay vì đích"},
	},
	{
		name: "capture-cable", what: "cáp cổng thu bị rút", quick: true, lay: func(c *cafe) { c.unplug("p-box") }, status: statusBad,
		amiss: []string{"capture bad no-carrier", "vantage bad no-frames by capture", "stations warn few by capture"},
		do:    []string{"cắm cáp vào cổng sao chép"},
	},
	{
		name: "uplink-cable", what: "cáp đường truyền bị rút", quick: true, begin: func(b *box) { b.c.lan("down") }, status: statusBad,
		amiss: []string{
			"clock warn coarse by uplink", "uplink bad no-carrier", "dns bad name by uplink", "broker unknown name by uplink",
			"receipt warn kept by uplink",
		},
		do: []string{"cắm cáp vào bộ định tuyến"},
	},
	{
		name: "no-address", what: "bộ định tuyến không cấp địa chỉ", asleep: true, status: statusBad,
		amiss: []string{
			"clock warn coarse by uplink", "uplink bad no-address", "dns bad name by uplink", "broker unknown name by uplink",
			"receipt warn kept by uplink",
		},
		do: []string{"kiểm tra DHCP của bộ định tuyến"},
	},
	{
		name: "no-dns", what: "bộ định tuyến không trả lời DNS", quick: true, names: []string{"--port=0", "--dhcp-option=option:dns-server,0.0.0.0"},
		status: statusBad, amiss: []string{"clock warn coarse by dns", "dns bad name", "broker unknown name by dns", "receipt warn kept by dns"},
		do: []string{"kiểm tra DNS của bộ định tuyến"},
	},
	{
		name: "silent-dns", what: "DNS bị chặn (không trả lời)", lay: func(c *cafe) { c.mirror("ingress", "egress"); c.deaf() },
		status: statusBad, amiss: []string{"clock warn coarse by dns", "dns bad name", "broker unknown name by dns", "receipt warn kept by dns"},
		do: []string{"kiểm tra DNS của bộ định tuyến"},
	},
	{
		name: "wrong-ca", what: "ca.pem của tỉnh khác", quick: true, room: func(w *world, b *tech.Box) { b.CA = w.wrong }, status: statusBad,
		amiss: []string{"broker bad authority", "receipt warn kept by broker"}, do: []string{"kiểm tra ca.pem có đúng của tỉnh"},
	},
	{
		name: "blocked", what: "tường lửa bỏ TCP 8883 (không trả lời)", begin: func(b *box) { b.c.firewall("tcp dport 8883 drop") },
		status: statusBad, amiss: []string{"broker bad timeout", "receipt warn kept by broker"}, do: []string{"cho phép TCP 8883 đi ra"},
	},
	{
		name: "rejected", what: "tường lửa từ chối TCP 8883", quick: true,
		begin:  func(b *box) { b.c.firewall("tcp dport 8883 reject with tcp reset") },
		status: statusBad, amiss: []string{"broker bad refused", "receipt warn kept by broker"}, do: []string{"cho phép TCP 8883 đi ra"},
	},
	{
		name: "slow-card", what: "thẻ nhớ ghi chậm", begin: (*box).slow, status: statusLook,
		amiss: []string{"card warn slow"}, do: []string{"thay bằng thẻ nhớ loại tốt"},
	},
	{
		name: "no-ntp", what: "NTP bị chặn", quick: true, ntp: nobody, status: statusLook,
		amiss: []string{"clock warn coarse"}, do: []string{"cho phép NTP (UDP 123) ra internet"},
	},
	{
		name: "late-clock", what: "đồng hồ chạy chậm hơn lần trước, không có NTP", ntp: nobody, begin: (*box).aheadOnce, status: statusBad,
		amiss: []string{"clock bad floor"}, do: []string{"cho phép NTP (UDP 123) ra internet"},
	},
	{
		name: "late-ntp", what: "máy chủ NTP cho giờ của 200 ngày sau", ntp: late,
		begin: func(b *box) { b.c.firewall("tcp dport { 8443, 8883 } drop") }, after: (*box).believe, status: statusBad,
		amiss: []string{"clock bad off", "broker bad dates by clock", "receipt warn kept by clock"}, do: []string{"chọn máy chủ NTP khác"},
	},
	{
		name: "early-ntp", what: "máy chủ NTP cho giờ của 200 ngày trước", ntp: early, status: statusBad,
		amiss: []string{"clock bad off"}, do: []string{"chọn máy chủ NTP khác"},
	},
}

// TestCheck: of what is wrong in a café, at its router or at its province, the right point says so, what follows from it names it, every
// other point is well, and the remedy is the one that mends it. Short, only cases are looked at whose verdict comes by itself, and how the
// vantage is to be judged is left open; long, all, in real time: nothing makes the box's clock go faster.
func TestCheck(t *testing.T) {
	machine(t)
	w := newWorld(t, len(scenes))
	for n := range scenes {
		if s := &scenes[n]; s.quick || long() {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				s.play(t, w, n)
			})
		}
	}
}

func (s *scene) play(t *testing.T, w *world, n int) {
	c := newCafe(t, w, n)
	if !s.asleep {
		ntp := right
		if s.ntp != nil {
			ntp = s.ntp
		}
		c.serve(ntp, s.names...)
	}
	if s.lay != nil {
		s.lay(c)
	} else {
		c.mirror("ingress", "egress")
	}
	c.open()
	b := c.newBox(func(made *tech.Box) {
		if s.room != nil {
			s.room(w, made)
		}
	})
	if s.begin != nil {
		s.begin(b)
	}
	b.start()
	if s.after != nil {
		s.after(b)
	}
	most := shortTime
	if long() {
		most = longTime
	}
	v := b.check(most)
	for n := 0; n < again && !long() && s.differs(&v) != ""; n++ { // of a machine that does much else
		v = b.check(most)
	}
	s.judge(t, &v)
	if s.then != nil && !t.Failed() {
		v = *s.then(b)
	}
	s.keep(t, &v)
}

// again is how often a box is checked again in the short run that is not yet as it is to be.
const again = 3

// expects returns which lines a verdict is to have amiss, and its status.
func (s *scene) expects() (amiss []string, status int) {
	if long() {
		return s.amiss, s.status
	}
	later := func(line string) bool {
		return strings.HasPrefix(line, "vantage") || strings.HasPrefix(line, "stations")
	}
	return slices.DeleteFunc(slices.Clone(s.amiss), later), max(s.status, statusLook)
}

// differs says how a verdict differs from what it is to be, "" if it does not. In the short run what is still to come is left out.
func (s *scene) differs(v *verdict) string {
	want, status := s.expects()
	got := v.amiss()
	if !long() {
		// Time servers are asked again after a quarter of a minute, if the port had no address at first.
		later := []string{"vantage unknown waiting", "stations unknown waiting", "clock warn coarse"}
		got = slices.DeleteFunc(got, func(line string) bool {
			bare, _, _ := strings.Cut(line, " by ")
			return slices.Contains(later, bare) && !slices.Contains(want, line)
		})
	}
	if v.status == status && slices.Equal(got, want) {
		return ""
	}
	return fmt.Sprintf("status %d, amiss %q; want %d, %q", v.status, got, status, want)
}

// judge compares a verdict, and what is to be done, with what they are to be.
func (s *scene) judge(t *testing.T, v *verdict) {
	t.Helper()
	if d := s.differs(v); d != "" {
		t.Fatalf("%s:\n%s", d, v.text)
	}
	want, _ := s.expects()
	do := s.do
	for _, p := range v.doc.Points {
		if p.By != "" || p.State == "unknown" || !slices.Contains(want, p.line()) {
			continue
		}
		if len(do) == 0 || !strings.Contains(p.Do, do[0]) {
			t.Errorf("%s is to be mended by %q, want %q", p.Name, p.Do, do)
		}
		do = do[min(1, len(do)):]
	}
	if len(do) > 0 {
		t.Errorf("nothing says %q", do)
	}
}

// removed takes the mirror away from a box on which all is well, and asks until it notices: what it says is of the last ten minutes.
func removed(b *box) *verdict {
	b.c.t.Helper()
	b.c.plain()
	var v verdict
	for end := time.Now().Add(goneTime); time.Now().Before(end); time.Sleep(10 * time.Second) {
		if v = b.check(shortTime); v.status != statusOK {
			break
		}
	}
	s := scene{status: statusBad, amiss: []string{"vantage bad gone"}, do: []string{"sao chép cổng nối với bộ định tuyến"}}
	s.judge(b.c.t, &v)
	return &v
}

// unplug pulls a cable of the switch out.
func (c *cafe) unplug(port string) {
	c.t.Helper()
	c.mirror("ingress", "egress")
	sh(c.t, fmt.Sprintf("ip -n %s link set %s down", c.sw, port))
}

// lan sets the router's end of the cable to the box.
func (c *cafe) lan(state string) {
	c.t.Helper()
	sh(c.t, fmt.Sprintf("ip -n %s link set lan %s", c.router, state))
}

// deaf has the router drop questions for names.
func (c *cafe) deaf() {
	c.t.Helper()
	nft(c.t, c.router, "table ip d {\n chain input {\n  type filter hook input priority 0;\n  udp dport 53 drop\n  tcp dport 53 drop\n }\n}\n")
}

// state is the folder of the box's own things.
func (b *box) state() string { return filepath.Join(b.root, "data/cafeprobe/state") }

// aheadOnce leaves in the box what a run would have left that ended tomorrow: by that the machine's clock has lost time since.
func (b *box) aheadOnce() {
	b.c.t.Helper()
	err := os.MkdirAll(b.state(), 0o700)
	if err == nil {
		err = life.Run{Machine: "an earlier one", Floor: uplink.TimeOf(time.Now().Add(24 * time.Hour)), Clean: true}.Save(b.state())
	}
	if err != nil {
		b.c.t.Fatal(err)
	}
}

// believe waits until the box has believed its time servers, then lets it through to the province and ends its daemon: the next knows the
// time from the one before.
func (b *box) believe() {
	t := b.c.t
	t.Helper()
	await(t, "the box believes its time servers", func() bool {
		r, ok, err := life.Load(b.state())
		return err == nil && ok && r.Fix != nil && r.Fix.Quality == uplink.QualitySync
	})
	sh(t, fmt.Sprintf("nsenter --net=/run/netns/%s nft delete table ip f", b.c.router))
	out, err := exec.Command("ip", "netns", "pids", b.c.box).Output()
	if err != nil {
		t.Fatal(err)
	}
	ended := 0
	for _, word := range strings.Fields(string(out)) {
		if name, _ := os.ReadFile(filepath.Join("/proc", word, "comm")); strings.TrimSpace(string(name)) == "cafeprobed" {
			if pid, err := strconv.Atoi(word); err == nil && syscall.Kill(pid, syscall.SIGTERM) == nil {
				ended++
			}
		}
	}
	if ended == 0 {
		t.Fatal("no daemon runs")
	}
}
