package web

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"cafeprobe/tools/province/live"
	"cafeprobe/uplink"
)

// words is all that a person reads, in one language.
type words struct {
	lang, other       string
	text              map[string]string
	status            map[live.Status]string
	kinds             map[uplink.Kind]string
	intact, gap, fork string
	open, closed      string
	roster, vantage   string
}

// language chooses: Vietnamese, unless English is asked for.
func language(r *http.Request) *words {
	if r.URL.Query().Get("lang") == "en" {
		return &english
	}
	return &vietnamese
}

func (l *words) kind(k uplink.Kind) string { return cmp.Or(l.kinds[k], string(k)) }

var vietnamese = words{
	lang: "vi", other: "en",
	text: map[string]string{
		"title": "Giám sát điểm cung cấp dịch vụ Internet và trò chơi điện tử", "other": "English",
		"notice": "Thông tin phục vụ kiểm tra, không phải kết luận vi phạm.",
		"cafes":  "Các điểm", "cafe": "Điểm", "state": "Trạng thái", "on": "Máy đang bật", "vantage": "Tầm quan sát",
		"told": "Tình trạng lúc (giờ Việt Nam)", "heard": "Nhận tin lần cuối", "records": "Bản ghi", "chain": "Chuỗi bản ghi",
		"newest": "Bản ghi mới nhất", "time": "Thời gian", "kind": "Loại", "what": "Nội dung", "seq": "Số thứ tự",
		"none": "Chưa có thiết bị nào gửi tin.", "nouse": "chưa xác định có người dùng",
	},
	status: map[live.Status]string{
		live.Open: "đang mở", live.Closed: "đóng cửa", live.Unknown: "chưa rõ", live.Blind: "không quan sát được",
		live.Offline: "mất liên lạc",
	},
	kinds: map[uplink.Kind]string{
		uplink.KindBoot: "thiết bị khởi động", uplink.KindOpen: "máy bật", uplink.KindClose: "máy tắt",
		uplink.KindRoster: "danh sách máy", uplink.KindVantage: "tầm quan sát", uplink.KindBlind: "mất quan sát",
		uplink.KindGap: "thiếu bản ghi", uplink.KindHealth: "tình trạng thiết bị", uplink.KindTitle: "ứng dụng",
	},
	intact: "nguyên vẹn", gap: "thiếu bản ghi", fork: "phân nhánh", open: "máy %s bật, độ tin cậy %d %%",
	closed: "máy %s tắt sau %s, độ tin cậy %d %%", roster: "%d máy", vantage: "mức %s",
}

var english = words{
	lang: "en", other: "vi",
	text: map[string]string{
		"title": "Internet and game café supervision", "other": "Tiếng Việt",
		"notice": "Information for inspection, not a finding of an offence.",
		"cafes":  "Cafés", "cafe": "Café", "state": "State", "on": "Stations on", "vantage": "Vantage",
		"told": "As of (Vietnam time)", "heard": "Last heard", "records": "Records", "chain": "Chain",
		"newest": "Newest records", "time": "Time", "kind": "Kind", "what": "What", "seq": "No.",
		"none": "No box has sent anything yet.", "nouse": "use not known",
	},
	status: map[live.Status]string{
		live.Open: "open", live.Closed: "closed", live.Unknown: "unknown", live.Blind: "blind", live.Offline: "offline",
	},
	kinds: map[uplink.Kind]string{
		uplink.KindBoot: "box started", uplink.KindOpen: "station on", uplink.KindClose: "station off",
	},
	intact: "intact", gap: "gap", fork: "fork", open: "station %s on, confidence %d %%",
	closed: "station %s off after %s, confidence %d %%", roster: "%d stations", vantage: "grade %s",
}

// describe says in words what a record tells; empty for a kind without a type in this version.
func describe(r uplink.Record, l *words) string {
	b, err := r.Body()
	if err != nil {
		return ""
	}
	switch b := b.(type) {
	case *uplink.Open:
		return fmt.Sprintf(l.open, short(b.Station), b.Confidence)
	case *uplink.Close:
		return fmt.Sprintf(l.closed, short(b.Station), time.Duration(b.Duration)*time.Second, b.Confidence)
	case *uplink.Roster:
		return fmt.Sprintf(l.roster, len(b.Stations))
	case *uplink.Vantage:
		return fmt.Sprintf(l.vantage, b.Class)
	case *uplink.Boot:
		return b.Firmware
	}
	return ""
}

func short(id uplink.StationID) string { return string(id)[:min(5, len(id))] }
