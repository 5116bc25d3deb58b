// Package check is the self-test of a box that was provisioned: it asks the box over its serial console again and again, judges what it
// says point by point, and makes a report of one page of it.
package check

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/health"
	"cafeprobe/tools/cafeprobe/diag"
	"cafeprobe/tools/cafeprobe/mirror"
	"cafeprobe/tools/lang"
)

// Name is a point's name.
type Name string

// The points, in their order. What a box's program does is judged first only where it says nothing.
const (
	Program  Name = "program"
	Power    Name = "power"
	Card     Name = "card"
	Clock    Name = "clock"
	Uplink   Name = "uplink"
	DNS      Name = "dns"
	Broker   Name = "broker"
	Receipt  Name = "receipt"
	Capture  Name = "capture"
	Vantage  Name = "vantage"
	Stations Name = "stations"
)

var titles = map[Name]lang.Text{
	Program:  {VI: "chương trình", EN: "program"},
	Power:    {VI: "nguồn điện", EN: "power"},
	Card:     {VI: "thẻ nhớ", EN: "card"},
	Clock:    {VI: "giờ", EN: "clock"},
	Uplink:   {VI: "đường truyền", EN: "uplink"},
	DNS:      {VI: "tên miền (DNS)", EN: "DNS"},
	Broker:   {VI: "kết nối tỉnh", EN: "broker, TLS"},
	Receipt:  {VI: "biên nhận", EN: "receipt"},
	Capture:  {VI: "cổng thu", EN: "capture port"},
	Vantage:  {VI: "tầm quan sát", EN: "vantage"},
	Stations: {VI: "số máy", EN: "stations"},
}

// Title returns the point's name for people.
func (n Name) Title(l lang.Lang) string { return titles[n].In(l) }

// Point is one verdict.
type Point struct {
	Name  Name
	State health.State
	Why   string // a word: of firmware/health, or of this package
	Text  lang.Text
	More  lang.Text // figures; empty for none
	Do    lang.Text // what to do; empty for nothing
	By    Name      // the point that explains it, which is to be seen to first; empty for none
	Never bool      // of Unknown: the board cannot say it, ever
}

// Pending reports whether p may change by itself.
func (p *Point) Pending() bool { return p.State == health.Unknown && !p.Never }

// points are the points that health's checks say, and of which check each is.
var points = []struct {
	name Name
	of   health.Name
}{
	{Power, health.Power},
	{Card, health.Storage},
	{Clock, health.Clock},
	{Uplink, health.Uplink},
	{DNS, health.Broker},
	{Broker, health.Broker},
	{Receipt, health.Receipts},
	{Capture, health.Capture},
	{Vantage, health.Vantage},
}

// Judge judges what a box says of itself. declared is how many PCs the owner says there are, 0 where he was not asked; now is what the
// technician's computer takes for UTC.
func Judge(a *diag.Answer, declared int, now time.Time) []Point {
	if a.Health == nil || a.Stale() {
		return dumb(a)
	}
	var ps []Point
	unnamed := a.Health.Check(health.Broker).Why == health.RefusalName
	for _, o := range points {
		c := a.Health.Check(o.of)
		p := Point{Name: o.name, State: c.State, Why: c.Why, By: by(c.By, unnamed), Text: both(c.Sentence)}
		if p.By == "" {
			p.Do = both(c.Remedy)
		}
		p.Never = c.Name == health.Power && c.State == health.Unknown
		p.refine(a, &c)
		ps = append(ps, p)
	}
	ps = append(ps, stations(a.Health, ps, declared))
	if by, is := off(a, now); is {
		accuse(ps, by)
	}
	return ps
}

// maxOff is by how much a box's time may differ from the technician's: his computer's own error, and what a box allows the machine's clock.
const maxOff = 5 * time.Minute

// off reports whether the box's time differs from now, and by how much. Servers that agree on another time look right from inside.
func off(a *diag.Answer, now time.Time) (by time.Duration, is bool) {
	r := a.Health
	if k := r.Check(health.Clock); r.UTC <= 0 || k.State != health.OK && k.State != health.Warn {
		return 0, false // it is said already that the time is not known
	}
	since := min(max(0, a.Uptime-r.At), health.Silence.Milliseconds()) // and no older is a report that is judged
	by = now.Sub(time.UnixMilli(r.UTC)) - time.Duration(since)*time.Millisecond
	return by.Abs(), by.Abs() > maxOff
}

// accuse says of the clock that it is wrong, and that it explains a certificate that is not believed by its dates.
func accuse(ps []Point, by time.Duration) {
	wrong := func(n Name) bool {
		return slices.ContainsFunc(ps, func(p Point) bool {
			return p.Name == n && p.State == health.Bad && (p.Why == health.RefusalDates || p.Why == health.RefusalCertificate)
		})
	}
	dates := wrong(Broker)
	for i := range ps {
		switch p := &ps[i]; {
		case p.Name == Clock:
			*p = Point{Name: Clock, State: health.Bad, Why: "off", Text: offBy(by), Do: lang.Text{
				VI: "kiểm tra giờ của máy tính này; nếu đúng thì chọn máy chủ NTP khác (ntp trong room.yaml)",
				EN: "check this computer's time; if it is right, give the box other time servers (ntp in the room file)",
			}}
		case dates && p.State != health.OK && (p.Name == Broker && p.By == "" || p.By == Broker):
			p.By, p.Do = Clock, lang.Text{}
		}
	}
}

// offBy says by how much the time is wrong.
func offBy(by time.Duration) lang.Text {
	unit, vi, en := time.Minute, "phút", "minutes"
	switch {
	case by >= 48*time.Hour:
		unit, vi, en = 24*time.Hour, "ngày", "days"
	case by >= 2*time.Hour:
		unit, vi, en = time.Hour, "giờ", "hours"
	}
	n := int(by.Round(unit) / unit)
	return lang.Text{
		VI: lang.Text{VI: "giờ của thiết bị lệch %d %s so với máy tính này"}.In(lang.VI, n, vi),
		EN: lang.Text{EN: "the box's time differs by %d %s from this computer's"}.In(lang.EN, n, en),
	}
}

// both says a check's words in both languages, without what could steer a terminal.
func both(say func(health.Lang) string) lang.Text {
	return lang.Text{VI: diag.Plain(say(lang.VI)), EN: diag.Plain(say(lang.EN))}
}

// by returns the point of the check that explains another. A broker whose name is not known is DNS's.
func by(n health.Name, unnamed bool) Name {
	if n == health.Broker && unnamed {
		return DNS
	}
	for _, o := range points {
		if o.of == n && o.name != DNS {
			return o.name
		}
	}
	return ""
}

// startTime is for how long a box starts whose card is checked, in milliseconds.
const startTime = 5 * 60_000

// dumb says that the box's program says nothing, or no more.
func dumb(a *diag.Answer) []Point {
	p := Point{
		Name: Program, State: health.Bad, Why: "silent",
		Text: lang.Text{VI: "chương trình trên thiết bị chưa báo cáo", EN: "the box's program has said nothing yet"},
		Do: lang.Text{
			VI: "nếu chưa cấu hình thì chạy cafeprobe provision; nếu đã cấu hình thì xem cafeprobe diag",
			EN: "if it has no settings yet, run cafeprobe provision; if it has, see cafeprobe diag",
		},
	}
	switch {
	case a.Health == nil && a.Uptime < startTime:
		p.State, p.Why, p.Do = health.Unknown, "starting", lang.Text{}
		p.Text = lang.Text{VI: "thiết bị đang khởi động", EN: "the box is starting"}
	case a.Health != nil:
		p.Why = "stale"
		p.Text = lang.Text{VI: "chương trình trên thiết bị không báo cáo nữa", EN: "the box's program says nothing any more"}
		p.Do = lang.Text{VI: "đợi thiết bị tự khởi động lại; xem cafeprobe diag", EN: "wait until the box starts it anew; see cafeprobe diag"}
	}
	ps := []Point{p}
	for _, o := range points {
		ps = append(ps, unasked(o.name))
	}
	return append(ps, unasked(Stations))
}

func unasked(n Name) Point {
	return Point{Name: n, State: health.Unknown, Why: "unasked", By: Program, Text: lang.Text{VI: "chưa biết", EN: "not known yet"}}
}

// refine says what a point says beside its check, or instead of it.
func (p *Point) refine(a *diag.Answer, c *health.Check) {
	switch p.Name {
	case Card:
		p.card(a)
	case Uplink:
		if a.Uplink != "" {
			p.More = lang.Text{VI: diag.Plain(a.Uplink), EN: diag.Plain(a.Uplink)}
		}
	case DNS:
		p.dns(c)
	case Broker:
		p.broker(c)
	case Receipt:
		p.receipt(a)
	case Vantage:
		p.vantage(a.Health.Seen)
	}
}

func (p *Point) card(a *diag.Answer) {
	var vi, en []string
	if w := a.Health.Worn; w > 0 && p.Why != "worn" && p.Why != "worn-out" {
		vi = append(vi, lang.Text{VI: "đã dùng %d %% tuổi thọ"}.In(lang.VI, w))
		en = append(en, lang.Text{EN: "%d %% of its life used"}.In(lang.EN, w))
	}
	if a.Data.Size > 0 {
		size := float64(a.Data.Size) / (1 << 30)
		vi = append(vi, comma(lang.Text{VI: "phần dữ liệu %.1f GiB"}.In(lang.VI, size)))
		en = append(en, lang.Text{EN: "%.1f GiB for data"}.In(lang.EN, size))
	}
	p.More = lang.Text{VI: strings.Join(vi, ", "), EN: strings.Join(en, ", ")}
}

// dns: a broker that was refused for another reason was found by its name.
func (p *Point) dns(c *health.Check) {
	switch {
	case c.Why == health.RefusalName: // its own words say it
	case c.State == health.OK, c.State == health.Bad && (c.By == "" || c.By == health.Clock) && c.Why != health.RefusalOther:
		*p = Point{Name: DNS, State: health.OK, Why: "ok", Text: lang.Text{VI: "tìm được máy chủ của tỉnh", EN: "the province's broker is found"}}
	case c.State == health.Bad:
		p.State, p.Do = health.Unknown, lang.Text{}
		p.Text = lang.Text{VI: "chưa kiểm tra được", EN: "it cannot be said yet"}
	}
}

// broker: of one whose name is not known nothing more can be said.
func (p *Point) broker(c *health.Check) {
	switch {
	case c.State == health.OK:
		p.Text = lang.Text{VI: "đã kết nối với tỉnh, chứng thư hai bên hợp lệ", EN: "connected to the province, both certificates are good"}
	case c.Why == health.RefusalName:
		p.State, p.Do = health.Unknown, lang.Text{}
		p.Text = lang.Text{VI: "chưa kiểm tra được", EN: "it cannot be said yet"}
		if p.By == "" {
			p.By = DNS
		}
	}
}

// receipt: that nothing waits proves nothing until the province has said once that it holds a record.
func (p *Point) receipt(a *diag.Answer) {
	if p.State != health.OK || a.Health.Reached {
		return
	}
	p.State, p.Why = health.Unknown, "first"
	p.Text = lang.Text{VI: "chờ biên nhận đầu tiên của tỉnh", EN: "waiting for the province's first receipt"}
	if c := a.Health.Check(health.Broker); c.State == health.Bad {
		p.By = by(cmp.Or(c.By, health.Broker), c.Why == health.RefusalName)
	}
}

// causes are the vantage's words that health has others for.
var causes = map[string]cafe.Word{
	"plain": cafe.WordBroadcasts, "one-way": cafe.WordOneWay, "one-port": cafe.WordOnePort, "second-switch": cafe.WordSecondSwitch,
	"no-frames": cafe.WordNoFrames, "gone": cafe.WordBroadcasts, "blind": cafe.WordBroadcasts,
}

// mirrored reports whether p is a vantage that the makers' steps mend.
func (p *Point) mirrored() bool { return p.Name == Vantage && p.By == "" && causes[p.Why] != "" }

func (p *Point) vantage(s *health.Seen) {
	if p.mirrored() {
		p.Do, _ = mirror.Remedy(causes[p.Why])
	}
	if s == nil {
		return
	}
	args := []any{s.Both, s.Hidden, percent(s.Frames-s.Group, s.Frames)}
	vi := lang.Text{VI: "%d máy thấy cả hai chiều, %d chỉ nghe quảng bá; khung đơn hướng %d %%"}.In(lang.VI, args...)
	en := lang.Text{EN: "%d heard both ways, %d by broadcasts only; unicast %d %%"}.In(lang.EN, args...)
	if s.Loss > 0 {
		lost := float64(s.Loss) / 100
		vi += comma(lang.Text{VI: ", thiếu %.1f %%"}.In(lang.VI, lost))
		en += lang.Text{EN: ", missing %.1f %%"}.In(lang.EN, lost)
	}
	p.More = lang.Text{VI: vi, EN: en}
}

// comma writes the fractions of s as in Vietnamese.
func comma(s string) string { return strings.ReplaceAll(s, ".", ",") }

func percent(part, all uint64) int {
	if all == 0 {
		return 0
	}
	return int(100 * part / all)
}

// Enough is the share of the PCs declared that are to be found.
const Enough = 0.9

// stations compares how many PCs were found with how many the owner says there are.
func stations(r *health.Report, ps []Point, declared int) Point {
	p := Point{Name: Stations, State: health.Unknown, Why: "waiting", Text: lang.Text{VI: "đang đếm", EN: "they are being counted"}}
	for _, q := range ps {
		blind := (q.Name == Capture || q.Name == Vantage) && q.State == health.Bad
		if (blind || q.mirrored() && q.State == health.Warn) && p.By == "" { // of what is not seen nothing is to be switched on
			p.By = q.Name
		}
	}
	if r.Seen == nil {
		return p
	}
	found := r.Seen.PCs
	if r.Seen.Unknown > 0 {
		n := r.Seen.Unknown
		p.More = lang.Text{
			VI: lang.Text{VI: "và %d thiết bị chưa rõ loại"}.In(lang.VI, n),
			EN: lang.Text{EN: "and %d of a kind that is not known yet"}.In(lang.EN, n),
		}
	}
	all := lang.Text{VI: "tìm thấy %d máy", EN: "%d PCs were found"}
	args := []any{found}
	if declared > 0 {
		all = lang.Text{VI: "tìm thấy %d trong %d máy", EN: "%d of %d PCs were found"}
		args = append(args, declared)
	}
	p.Text = lang.Text{VI: all.In(lang.VI, args...), EN: all.In(lang.EN, args...)}
	switch {
	case found > 0 && float64(found) >= Enough*float64(declared):
		p.State, p.Why, p.By = health.OK, "ok", ""
	case r.Check(health.Vantage).State == health.Unknown: // a PC counts from its second minute on, and by what it says of itself
	default:
		p.State, p.Why = health.Warn, "few"
		if p.By == "" {
			p.Do = lang.Text{
				VI: "bật các máy còn tắt rồi chạy lại; nếu vẫn thiếu thì tìm bộ chuyển mạch hoặc đường truyền thứ hai",
				EN: "switch on those that are off and run this again; if some are missing still, look for a second switch or line",
			}
		}
	}
	return p
}

// Sum returns the state of all together: Unknown while something may yet change, and nothing is worse.
func Sum(ps []Point) health.State {
	sum := health.OK
	for i := range ps {
		switch p := &ps[i]; {
		case p.State == health.Bad:
			return health.Bad
		case p.State == health.Warn:
			sum = health.Warn
		case p.Pending() && sum == health.OK:
			sum = health.Unknown
		}
	}
	return sum
}
