package web

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cafeprobe/tools/province/live"
	"cafeprobe/uplink"
)

// verb matches what fmt fills in, with its place.
var verb = regexp.MustCompile(`%(\.\d)?(\[\d\])?[a-z]`)

// TestLanguages: each says everything that the other says, with the same facts in it.
func TestLanguages(t *testing.T) {
	vi, en := reflect.ValueOf(vietnamese), reflect.ValueOf(english)
	for i := range vi.NumField() {
		name := vi.Type().Field(i).Name
		switch vi.Field(i).Kind() {
		case reflect.String:
			a, b := vi.Field(i).String(), en.Field(i).String()
			if a == "" || b == "" {
				t.Errorf("%s: %q in Vietnamese, %q in English, want both", name, a, b)
			}
			va, vb := verb.FindAllString(a, -1), verb.FindAllString(b, -1)
			slices.Sort(va)
			slices.Sort(vb)
			if !slices.Equal(va, vb) {
				t.Errorf("%s: verbs %v in Vietnamese, %v in English", name, va, vb)
			}
		case reflect.Map:
			a, b := entries(vi.Field(i)), entries(en.Field(i))
			if ka, kb := slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)); !slices.Equal(ka, kb) {
				t.Errorf("%s: %v in Vietnamese, %v in English", name, ka, kb)
			}
			for k := range a {
				if a[k] == "" || b[k] == "" {
					t.Errorf("%s of %s: %q in Vietnamese, %q in English, want both", name, k, a[k], b[k])
				}
			}
		}
	}
}

func entries(m reflect.Value) map[string]string {
	out := map[string]string{}
	for _, k := range m.MapKeys() {
		out[k.String()] = m.MapIndex(k).String()
	}
	return out
}

// TestNothingWithoutWords: every status, kind and cause of the protocol has words.
func TestNothingWithoutWords(t *testing.T) {
	for _, l := range []*words{&vietnamese, &english} {
		for _, s := range live.Statuses() {
			if l.status[s] == "" || l.why[s] == "" {
				t.Errorf("%s: status %s: %q because %q", l.Lang, s, l.status[s], l.why[s])
			}
		}
		for _, k := range uplink.Kinds() {
			if l.kinds[k] == "" {
				t.Errorf("%s: no words for kind %s", l.Lang, k)
			}
		}
		for _, c := range []uplink.Cause{
			uplink.CauseUserRequest, uplink.CauseLostCarrier, uplink.CauseLostService, uplink.CauseIdleTimeout,
			uplink.CauseNASReboot, uplink.CauseHostRequest, uplink.CauseNASRequest,
		} {
			if l.causes[c] == "" {
				t.Errorf("%s: no words for cause %s", l.Lang, c)
			}
		}
		for _, stage := range []string{uplink.StageWatch, uplink.StageAlert, uplink.StageEnd} {
			if l.stages[stage] == "" {
				t.Errorf("%s: no words for stage %s", l.Lang, stage)
			}
		}
		for _, what := range []string{
			uplink.SecurityMalformed, uplink.SecurityForged, uplink.SecurityReplayed, uplink.SecurityExpired, uplink.SecurityMisled,
			uplink.SecurityFlood, uplink.SecuritySent, uplink.SecurityUntrue, uplink.SecurityDisputed, uplink.SecurityStep,
			uplink.SecurityStranger, uplink.SecurityNoRoom, uplink.SecurityGuess, uplink.SecurityCross,
		} {
			if l.refusals[what] == "" {
				t.Errorf("%s: no words for refusals of %s", l.Lang, what)
			}
		}
		for _, by := range []string{uplink.ByOwner, uplink.ByProvince} {
			if l.announcers[by] == "" {
				t.Errorf("%s: no words for maintenance by %s", l.Lang, by)
			}
		}
		for _, class := range []string{"A+", "A", "C", "BLIND"} {
			if l.sights[class] == "" {
				t.Errorf("%s: no words for vantage %s", l.Lang, class)
			}
		}
		for _, why := range []string{"mirror", "mirror-disks", "second-switch", "broadcasts", "one-way", "one-port", "no-frames", "given"} {
			if l.vantages[why] == "" {
				t.Errorf("%s: no words for vantage because of %s", l.Lang, why)
			}
		}
	}
}

const station = uplink.StationID("u3mJq0yZcRE")

var at = uplink.Stamp{Mono: 1, Time: 1795000000123, Quality: uplink.QualitySync}

func TestDescribe(t *testing.T) {
	f := func(b uplink.Body, vi, en string) {
		t.Helper()
		r, err := uplink.Encode(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			l    *words
			want string
		}{{&vietnamese, vi}, {&english, en}} {
			if got := c.l.describe(r); got != c.want {
				t.Errorf("%s %s:\n got %s\nwant %s", c.l.Lang, r.Kind, got, c.want)
			}
		}
	}
	f(&uplink.Boot{Stamp: at, Firmware: "1.4.0", Board: "nanopi-r2s", Why: "power", Alive: 1794990000000},
		"Có điện trở lại. Phần mềm 1.4.0. nanopi-r2s Lần cuối biết thiết bị còn chạy: 15:20:00 18/11/2026.",
		"Power came back. Firmware 1.4.0. nanopi-r2s Last known to run: 15:20:00 18/11/2026.")
	f(&uplink.AfterHours{
		Stamp: at, Night: "2026-11-18", Stage: uplink.StageAlert, Category: "game", Hours: "22:00-08:00", First: 1795000000000,
		Last: 1795002000000, Peak: 4, Minutes: 1131, Blind: 3, Confidence: 91, Maintained: 5, Uncertain: true,
	},
		"Đêm 18/11/2026, 22:00-08:00, đề nghị kiểm tra. Từ 18:06 18/11 đến 18:40 18/11, nhiều nhất 4 máy cùng lúc, tổng cộng 1.131 phút máy, "+
			"độ tin cậy 91 %. 3 phút không quan sát được. 5 phút trong thời gian bảo trì đã báo. Giờ chưa chắc chắn.",
		"Night of 18/11/2026, 22:00-08:00, inspection suggested. From 18:06 18/11 to 18:40 18/11, stations at once: 4 at most, "+
			"station-minutes: 1,131, confidence 91 %. Minutes that could not be seen: 3. Minutes in a declared maintenance: 5. Times not certain.")
	f(&uplink.Maintenance{Stamp: at, From: 1795000000000, To: 1795002000000, By: uplink.ByOwner},
		"Báo trước thời gian bảo trì từ 18:06 18/11 đến 18:40 18/11, người báo: chủ điểm.",
		"Maintenance announced from 18:06 18/11 to 18:40 18/11, by the owner.")
	f(&uplink.Dispute{Stamp: at, Night: "2026-11-18", Stage: uplink.StageAlert, Seq: 1234, Note: "Thợ sửa máy."},
		"Chủ điểm không đồng ý với nội dung đã báo về đêm 18/11/2026 (đề nghị kiểm tra, bản ghi 1.234): “Thợ sửa máy.”",
		"The owner disputes what was told of the night of 18/11/2026 (inspection suggested, record 1,234): “Thợ sửa máy.”")
	f(&uplink.Roster{Part: 1, Parts: 2, Stamp: at, Stations: []uplink.Member{
		{Station: station, Role: "router"}, {Station: station, Role: "pc"}, {Station: station, Role: "pc"},
	}},
		"3 máy: 2 máy tính, 1 bộ định tuyến (phần 1 trên 2).", "Stations: 3: 2 PC, 1 router (part 1 of 2).")
	f(&uplink.Open{Station: station, Stamp: at, Confidence: 93, Of: uplink.OfUse},
		"Máy u3mJq có dấu hiệu đang được sử dụng, độ tin cậy 93 %.", "Station u3mJq appears to be in use, confidence 93 %.")
	f(&uplink.Open{Station: station, Stamp: at, Confidence: 86, Uncertain: 10},
		"Máy u3mJq bật, độ tin cậy 86 %. Sai số thời điểm: 10 giây.", "Station u3mJq on, confidence 86 %. Give or take 10 s.")
	f(&uplink.Close{Station: station, Stamp: at, Confidence: 91, Duration: 5400, Cause: uplink.CauseIdleTimeout},
		"Máy u3mJq tắt sau 1 giờ 30 phút, độ tin cậy 91 %: không còn tín hiệu.",
		"Station u3mJq off after 1 h 30 min, confidence 91 %: no more signs of it.")
	f(&uplink.Close{Station: station, Stamp: at, Confidence: 91, Duration: 0, Cause: uplink.CauseLostService},
		"Thôi ghi nhận máy u3mJq sau 0 giây, độ tin cậy 91 %: thiết bị không còn quan sát được, máy có thể vẫn bật.",
		"Station u3mJq no longer followed after 0 s, confidence 91 %: the box no longer sees it, it may still be on.")
	f(&uplink.Title{Stamp: at, Window: 3600, Mix: []uplink.TitleUse{{Title: "lien-minh", Minutes: 1412, Stations: 10}, {Title: "rare", Minutes: 3, Stations: 9}}},
		"Cả điểm trong 1 giờ: lien-minh 1.412 phút máy trên 10 máy; 1 ứng dụng trên dưới 10 máy không nêu riêng.",
		"The whole café in 1 h: lien-minh, station-minutes 1,412 on stations 10; applications not named: 1, each on fewer stations than 10.")
	f(&uplink.Vantage{Stamp: at, Class: "C", Confidence: 97},
		"C: cổng thường, chỉ thấy một phần; im lặng không có nghĩa là tắt", "C: a plain port, sees a part; silence does not mean off")
	f(&uplink.Vantage{Stamp: at, Class: "A", Confidence: 97, Why: "second-switch", Stations: 41, Hidden: 6, Lost: 120, Of: 56000},
		"A: thấy lưu lượng của mọi máy (có bộ chuyển mạch hoặc đường truyền thứ hai không đi qua cổng sao chép). 6 máy không quan sát được. "+
			"Cổng sao chép làm mất 1,2 % lưu lượng.",
		"A: sees every station's traffic (a second switch or a second line does not pass the mirror). Stations not seen: 6. "+
			"The mirror loses 1.2 % of the traffic.")
	f(&uplink.Blind{Stamp: at, Blind: true, Why: "no-frames"},
		"Thiết bị không thấy các máy (không có dữ liệu đi qua). Thời gian này không tính là mở cửa hay đóng cửa.",
		"The box does not see the stations (no frames). This time counts neither as open nor as closed.")
	f(&uplink.Blind{Stamp: at, Why: "later-why"},
		"Thiết bị đã thấy lại các máy (trước đó: later-why).", "The box sees the stations again (before: later-why).")
	f(&uplink.Health{Stamp: at, Window: 900, Frames: 1234567, Dropped: 3, Stations: 100, Backlog: 12, Spool: 8388608},
		"Trong 15 phút: 1.234.567 khung dữ liệu, biết 100 máy, 12 bản ghi chờ xác nhận, kho bản ghi 8,0 MiB. Không kịp đọc 3 khung.",
		"In 15 min: frames 1,234,567, stations known 100, records awaiting a receipt 12, spool 8.0 MiB. Frames not read in time: 3.")
	f(&uplink.Health{Stamp: at, Window: 3600, Frames: 90, Missed: 10},
		"Trong 1 giờ: 90 khung dữ liệu, biết 0 máy, 0 bản ghi chờ xác nhận, kho bản ghi 0,0 MiB. "+
			"10 khung của bản sao lưu lượng bị mất trên đường đến thiết bị.",
		"In 1 h: frames 90, stations known 0, records awaiting a receipt 0, spool 0.0 MiB. "+
			"Frames of the mirror lost on their way to the box: 10.")
	f(&uplink.Health{Stamp: at, Window: 3600, Card: uplink.Card{Fault: uplink.CardFull}},
		"Trong 1 giờ: 0 khung dữ liệu, biết 0 máy, 0 bản ghi chờ xác nhận, kho bản ghi 0,0 MiB. Thẻ nhớ không ghi được bản ghi: đầy.",
		"In 1 h: frames 0, stations known 0, records awaiting a receipt 0, spool 0.0 MiB. Its card takes no records: full.")
	f(&uplink.Gap{Stamp: at, From: 182700, To: 182712, Count: 13, Why: "corrupt"},
		"Bản ghi 182.700 đến 182.712 đã mất: thẻ nhớ hỏng.", "Records 182,700 to 182,712 are lost: card damaged.")
	f(&uplink.Gap{Stamp: at, From: 7, To: 9, Count: 3, Why: "torn"},
		"Bản ghi 7 đến 9 đã mất: mất điện.", "Records 7 to 9 are lost: power cut.")
	f(&uplink.Gap{Stamp: at, From: 7, To: 4102, Why: "fork"},
		"Các số 7 đến 4.102 không được dùng: thẻ được khôi phục hoặc sao chép.", "Numbers 7 to 4,102 were not used: card restored or copied.")
	f(&uplink.Gap{Stamp: at, From: 4, To: 4099, Why: uplink.GapCut},
		"Các số 4 đến 4.099 không được dùng: mất điện. Không có dấu hiệu mất bản ghi.",
		"Numbers 4 to 4,099 were not used: the power was cut. Nothing is known to be lost.")
	f(&uplink.Gap{Stamp: at, Count: 4, Why: "full"}, "4 bản ghi không được giữ: thẻ nhớ đầy.", "Records not kept: 4, card full.")
}

// TestDescribeBox: what the box tells of itself.
func TestDescribeBox(t *testing.T) {
	f := func(b uplink.Body, want string) {
		t.Helper()
		if got := vietnamese.ofBox(b); got != want {
			t.Errorf("%s:\n got %s\nwant %s", b.Kind(), got, want)
		}
		if got := english.ofBox(b); got == english.opaque || strings.Contains(got, "%!") {
			t.Errorf("%s: %q in English", b.Kind(), got)
		}
	}
	f(&uplink.Off{From: 1794990000000}, "Thiết bị ngừng hoạt động từ 15:20:00 18/11/2026. Không kịp báo tắt, có thể do mất điện.")
	f(&uplink.Off{Clean: true}, "Không rõ thiết bị ngừng hoạt động từ lúc nào. Tắt đúng cách.")
	f(&uplink.Anchor{Source: "ntp", Error: 12, Step: -1500}, "Đã đối chiếu giờ, nguồn ntp, sai số 12 mili giây. Chỉnh -1.500 mili giây.")
	f(&uplink.Link{Port: "capture", Up: true}, "Cổng capture có kết nối.")
	f(&uplink.Link{Port: "capture"}, "Cổng capture mất kết nối.")
	f(&uplink.Power{What: "low"}, "Điện áp thấp.")
	f(&uplink.Config{Changed: []string{"cafe.silence"}}, "Đã đổi: cafe.silence.")
	f(&uplink.Done{Number: 7, Verb: uplink.VerbReboot, Result: uplink.ResultRefused}, "Lệnh reboot số 7: bị từ chối.")
	f(&uplink.Update{Version: "1.5.0", Step: "confirmed"}, "Bản 1.5.0: chạy tốt và được giữ lại.")
	f(&uplink.Update{Version: "1.5.0", Step: "refused", Why: "unsigned"}, "Bản 1.5.0: bị từ chối. Không có chữ ký.")
	f(&uplink.Fork{At: 9}, "Thẻ nhớ khác với dữ liệu của tỉnh từ bản ghi 9: thẻ đã bị sao chép hoặc khôi phục.")
	f(&uplink.Event{What: uplink.EventCrash, Of: "daemon", Why: "signal-killed"},
		"Một chương trình của thiết bị bị lỗi và đã dừng. daemon signal-killed")
	f(&uplink.Security{What: uplink.SecurityForged, Count: 3}, "Thiết bị đã từ chối 3 lần: chữ ký không khớp.")
	f(&uplink.Security{What: uplink.SecurityStranger, Count: 3, Topic: "mirror"},
		"Thiết bị đã từ chối 3 lần: bản sao lưu lượng từ nguồn gửi không có trong danh sách.")
}

// TestDescribeIsNeverEmpty: what this version cannot read is said so, and no number of the wire overflows.
func TestDescribeIsNeverEmpty(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		r, err := uplink.ParseRecord([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		if got := english.describe(r); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", raw, got, want)
		}
	}
	f(`{"k":"newkind","m":1,"t":null,"tq":"none"}`, english.opaque)
	for _, k := range uplink.Kinds() {
		if r := (uplink.Record{Kind: k, Raw: []byte(`{}`)}); english.describe(r) == english.opaque {
			t.Errorf("kind %s has facts and no words", k)
		}
	}
	f(`{"k":"open","m":1,"t":null,"tq":"none"}`, english.garbled)
	f(`{"k":"title","m":1,"t":null,"tq":"none","win":60}`, "applications not named: 0")
	f(`{"k":"close","st":"u3mJq0yZcRE","m":1,"t":null,"tq":"none","cause":"x","c":1,"dur":9007199254740991}`, "36,600 d,")
}

func TestSpan(t *testing.T) {
	f := func(d time.Duration, want string) {
		t.Helper()
		if got := english.span(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	f(0, "0 s")
	f(1500*time.Millisecond, "1 s")
	f(59*time.Second, "59 s")
	f(time.Minute, "1 min")
	f(26*time.Hour+59*time.Minute, "1 d 2 h")
	f(24*time.Hour+59*time.Minute, "1 d")
}

// TestTone: the words inform. None of them accuses, and none speaks of anybody's age (rule R9).
func TestTone(t *testing.T) {
	text := strings.ToLower(fmt.Sprintf("%+v %+v", vietnamese, english))
	text = strings.ReplaceAll(text, strings.ToLower(vietnamese.Notice), "")
	text = strings.ReplaceAll(text, strings.ToLower(english.Notice), "")
	for _, word := range []string{"vi phạm", "trái phép", "trẻ em", "học sinh", "tuổi", "violat", "illegal", "offence", "child", "minor"} {
		if strings.Contains(text, word) {
			t.Errorf("the page says %q", word)
		}
	}
}
