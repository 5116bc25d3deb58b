package diag

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"cafeprobe/board"
	"cafeprobe/firmware/health"
	"cafeprobe/uplink"
)

// answer is a box's, of a report that Evaluate made.
func answer(t *testing.T, change func(*health.Inputs)) *Answer {
	t.Helper()
	const now = 26 * time.Hour
	in := health.Inputs{
		Beat: now, Supply: health.SupplyGood, Wear: &board.Wear{Used: 10}, Quality: uplink.QualitySync,
		Capture: health.LinkUp, Grade: "A", Uplink: health.LinkUp, Address: true, Connected: true, Reached: true,
	}
	first := health.Evaluate(in, health.Report{}, time.Hour)
	change(&in)
	r := health.Evaluate(in, first, now)
	a := &Answer{Board: "nanopi-r2s", Release: "2026.11.0", Number: 12, Slot: "b", Uptime: now.Milliseconds() + 4000, Health: &r}
	a.Data.Mode, a.Data.Size = "kept", 7<<30
	a.Memory.Total, a.Memory.Available = 473<<20, 400<<20
	return a
}

func TestPrint(t *testing.T) {
	a := answer(t, func(in *health.Inputs) {
		in.Connected, in.Uplink, in.Tried, in.Refusal, in.Backlog = false, health.LinkNoCarrier, true, health.RefusalName, 12
	})
	f := func(l health.Lang, want string) {
		t.Helper()
		var b bytes.Buffer
		if err := a.Print(&b, l, false); err != nil || b.String() != want {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", l, err, b.String(), want)
		}
	}
	f(health.English, `box       nanopi-r2s, release 2026.11.0 (12), slot b, up 1d2h
data      kept, 7.0 GiB
memory    73 of 473 MiB used

ok       power         1d1h    the supply is good
ok       storage       1d1h    the card takes writes
ok       clock         1d1h    the time is right
ok       capture port  1d1h    the capture port has a link
ok       vantage       1d1h    both directions of the café are seen
bad      uplink        4s      the uplink port has no link
                               do: plug the cable into the router, and check the cable
bad      broker        4s      the name of the province's broker cannot be resolved
                               because of: uplink
warn     receipts      4s      12 records wait on the card
                               because of: uplink
`)
	f(health.Vietnamese, `thiết bị  nanopi-r2s, bản 2026.11.0 (12), ngăn b, đã chạy 1d2h
dữ liệu   kept, 7.0 GiB
bộ nhớ    đã dùng 73 trong 473 MiB

tốt      nguồn điện    1d1h    nguồn điện tốt
tốt      thẻ nhớ       1d1h    thẻ nhớ ghi được
tốt      giờ           1d1h    giờ chính xác
tốt      cổng thu      1d1h    cổng thu có tín hiệu
tốt      tầm quan sát  1d1h    thấy cả hai chiều của quán
hỏng     đường truyền  4s      cổng đường truyền không có tín hiệu
                               cần làm: cắm cáp vào bộ định tuyến; kiểm tra cáp
hỏng     kết nối tỉnh  4s      không phân giải được tên máy chủ của tỉnh
                               do đường truyền
lưu ý    biên nhận     4s      12 bản ghi chờ trên thẻ nhớ
                               do đường truyền
`)
	var b bytes.Buffer
	if err := a.Print(&b, health.English, true); err != nil || strings.Count(b.String(), "\x1b[1;31m") != 2 {
		t.Errorf("in colours: %v, %q", err, b.String())
	}
}

func TestState(t *testing.T) {
	f := func(name string, a *Answer, want health.State) {
		t.Helper()
		if got := a.State(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("well", answer(t, func(*health.Inputs) {}), health.OK)
	f("a plain port", answer(t, func(in *health.Inputs) { in.Grade = "C" }), health.Warn)
	f("blind", answer(t, func(in *health.Inputs) { in.Grade = "BLIND" }), health.Bad)
	f("no daemon", &Answer{}, health.Bad)
	a := answer(t, func(*health.Inputs) {})
	a.Uptime += health.Silence.Milliseconds()
	f("no report any more", a, health.Bad)
}

// FuzzPrint: whatever a box answers, nothing that a terminal obeys is shown.
func FuzzPrint(f *testing.F) {
	f.Add([]byte(`{"board":"\u001b[2J","up":-1,"data":{"mode":"x","why":"\u009b31m"},"faults":["\r\n"]}`))
	f.Add([]byte(`{"health":{"seq":1,"checks":[{"c":"\u0007","s":"bad","why":"\u001b","by":"\b"}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Parse(b)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := a.Print(&out, health.Vietnamese, false); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() {
			if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 {
				t.Fatalf("%q shows %q", b, r)
			}
		}
		a.State()
	})
}
