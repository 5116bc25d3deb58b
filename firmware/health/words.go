package health

import (
	"strconv"
	"strings"
)

// Lang is a language.
type Lang string

// The languages.
const (
	Vietnamese Lang = "vi"
	English    Lang = "en"
)

// Words of several checks.
const (
	whyOK       = "ok"
	whyWaiting  = "waiting"
	whyNoSensor = "no-sensor"
)

// text is one thing in both languages. "{n}" in it is Check.N.
type text struct{ vi, en string }

func (t text) in(l Lang, n int64) string {
	s := t.en
	if l == Vietnamese {
		s = t.vi
	}
	return strings.ReplaceAll(s, "{n}", strconv.FormatInt(n, 10))
}

type word struct {
	check    Name
	why      string
	state    State
	sentence text
	remedy   text
}

// words are all that a check can say. Of what is well there is no remedy.
var words = []word{
	{Power, whyOK, OK, text{"nguồn điện tốt", "the supply is good"}, text{}},
	{Power, whyNoSensor, Unknown, text{"bo mạch không đo được nguồn điện", "the board cannot measure its supply"}, text{}},
	{
		Power, "low", Bad,
		text{"điện áp nguồn quá thấp", "the supply's voltage is too low"},
		text{
			"thay bộ nguồn và cáp bằng loại đi kèm thiết bị",
			"replace the power supply and its cable by those that came with the box",
		},
	},
	{
		Power, "hot", Warn,
		text{"thiết bị nóng {n} °C", "the box is {n} °C hot"},
		text{
			"đặt nơi thoáng, không đặt trên bộ chuyển mạch hoặc dưới nắng",
			"put it where air moves, not on the switch nor in the sun",
		},
	},
	{
		Power, "cut", Warn,
		text{"lần trước bị mất điện đột ngột", "the power was cut before this start"},
		text{"cắm vào ổ điện không tắt theo giờ đóng cửa", "use a socket that is not switched off when the café closes"},
	},

	{Storage, whyWaiting, Unknown, text{"đang kiểm tra thẻ nhớ", "the card is being checked"}, text{}},
	{Storage, whyOK, OK, text{"thẻ nhớ ghi được", "the card takes writes"}, text{}},
	{
		Storage, "full", Bad,
		text{"thẻ nhớ đầy: chỉ giữ bản ghi quan trọng", "the card is full: only what matters most is kept"},
		text{"kiểm tra đường truyền: bản ghi tỉnh đã nhận sẽ được xóa", "see to the uplink: what the province has is deleted"},
	},
	{
		Storage, "read-only", Bad,
		text{"thẻ nhớ chỉ đọc: bản ghi nằm tạm trong bộ nhớ", "the card is read-only: records wait in memory"},
		text{"khởi động lại; nếu còn lỗi thì thay thẻ nhớ", "restart the box; if it stays so, replace the card"},
	},
	{
		Storage, "io", Bad,
		text{"thẻ nhớ báo lỗi đọc ghi", "the card answers with errors"},
		text{"cắm lại thẻ nhớ; nếu còn lỗi thì thay thẻ nhớ", "take the card out and put it in again; if it stays so, replace it"},
	},
	{
		Storage, "broken", Bad,
		text{"thẻ nhớ không trả lại đúng dữ liệu đã ghi", "the card does not return what was written to it"},
		text{"thay thẻ nhớ", "replace the card"},
	},
	{
		Storage, "unknown", Bad,
		text{"thẻ nhớ không ghi được", "the card takes no writes"},
		text{"thay thẻ nhớ", "replace the card"},
	},
	{
		Storage, "volatile", Bad,
		text{"dữ liệu chỉ nằm trong bộ nhớ, mất khi tắt điện", "data are in memory alone and are lost with the power"},
		text{"khởi động lại; nếu còn lỗi thì thay thẻ nhớ", "restart the box; if it stays so, replace the card"},
	},
	{
		Storage, "worn-out", Bad,
		text{"thẻ nhớ đã hết tuổi thọ (dùng {n} %)", "the card's life is over ({n} % used)"},
		text{"thay thẻ nhớ ngay", "replace the card now"},
	},
	{
		Storage, "firmware", Bad,
		text{"phần mềm trên thẻ nhớ không còn như lúc ghi", "the firmware on the card is not what was written there"},
		text{
			"đừng tắt thiết bị: có thể không khởi động lại được; thay thẻ nhớ",
			"do not switch the box off, it may not start again; have a new card ready, then replace it",
		},
	},
	{
		Storage, "corrupt", Warn,
		text{"{n} tệp bị hỏng; phần còn lại đã được phục hồi", "{n} files were broken; what could be proved was kept"},
		text{"nếu lặp lại thì thay bộ nguồn rồi thay thẻ nhớ", "if it happens again, replace the supply, then the card"},
	},
	{
		Storage, "worn", Warn,
		text{"thẻ nhớ đã dùng {n} % tuổi thọ", "{n} % of the card's life is used"},
		text{"chuẩn bị thẻ nhớ thay thế", "have a new card ready"},
	},
	{
		Storage, "no-journal", Warn,
		text{"hệ thống tệp không chịu được mất điện", "the file system does not stand power cuts"},
		text{"ghi lại thẻ nhớ bằng ảnh của cafeprobe", "write the card anew with cafeprobe's image"},
	},
	{
		Storage, "no-barrier", Warn,
		text{"hệ thống tệp có thể mất dữ liệu đã ghi", "the file system may lose what was flushed"},
		text{"ghi lại thẻ nhớ bằng ảnh của cafeprobe", "write the card anew with cafeprobe's image"},
	},
	{
		Storage, "slow", Warn,
		text{"thẻ nhớ ghi chậm: mỗi lần {n} ms", "the card is slow: {n} ms a write"},
		text{"thay bằng thẻ nhớ loại tốt (A1, độ bền cao)", "replace it by a good one (A1, high endurance)"},
	},

	{Clock, whyWaiting, Unknown, text{"thiết bị đang khởi động", "the box is starting"}, text{}},
	{Clock, whyOK, OK, text{"giờ chính xác", "the time is right"}, text{}},
	{
		Clock, "coarse", Warn,
		text{"giờ chỉ gần đúng", "the time is about right"},
		text{"cho phép NTP (UDP 123) ra internet", "let NTP (UDP 123) through to the internet"},
	},
	{
		Clock, "floor", Bad,
		text{"chưa biết giờ, chỉ biết không sớm hơn lần chạy trước", "the time is not known, only that it is later than before"},
		text{"cho phép NTP (UDP 123) ra internet", "let NTP (UDP 123) through to the internet"},
	},
	{
		Clock, "unset", Bad,
		text{"chưa biết giờ", "the time is not known"},
		text{"cho phép NTP (UDP 123) ra internet", "let NTP (UDP 123) through to the internet"},
	},

	{Capture, whyOK, OK, text{"cổng thu có tín hiệu", "the capture port has a link"}, text{}},
	{
		Capture, "remote", OK,
		text{"không dùng cổng thu: bản sao được gửi đến", "there is no capture port: mirrors are sent to the box"},
		text{},
	},
	{
		Capture, whyWaiting, Unknown,
		text{"chưa biết trạng thái cổng thu", "how it stands with the capture port is not known yet"},
		text{},
	},
	{
		Capture, "gone", Bad,
		text{"không có cổng thu", "there is no capture port"},
		text{
			"kiểm tra cổng mạng hoặc bộ chuyển USB; sửa capture.interface",
			"see to the port or its USB adapter, and to capture.interface",
		},
	},
	{
		Capture, "down", Bad,
		text{"cổng thu bị tắt", "the capture port is switched off"},
		text{"khởi động lại thiết bị", "restart the box"},
	},
	{
		Capture, "no-carrier", Bad,
		text{"cổng thu không có tín hiệu", "the capture port has no link"},
		text{
			"cắm cáp vào cổng sao chép của bộ chuyển mạch; kiểm tra cáp",
			"plug the cable into the switch's mirror port, and check the cable",
		},
	},
	{
		Capture, "sent", Bad,
		text{"cổng thu đã gửi {n} khung: không được phép", "the capture port has sent {n} frames, which it never may"},
		text{"rút cáp cổng thu và báo cho tỉnh", "unplug the capture port and tell the province"},
	},

	{Vantage, whyOK, OK, text{"thấy cả hai chiều của quán", "both directions of the café are seen"}, text{}},
	{
		Vantage, whyWaiting, Unknown,
		text{"đang đánh giá tầm quan sát (10 phút)", "the vantage is being judged, for ten minutes"},
		text{},
	},
	{
		Vantage, "plain", Warn,
		text{"cổng thường: chỉ thấy một phần", "a plain port: only a part is seen"},
		text{"bật sao chép cổng của bộ định tuyến trên bộ chuyển mạch", "have the switch mirror the router's port to this one"},
	},
	{
		Vantage, "one-way", Warn,
		text{"bản sao chỉ có một chiều", "the mirror shows one direction only"},
		text{"đặt sao chép cả hai chiều (both, RX và TX)", "set the mirror to both directions (both, RX and TX)"},
	},
	{
		Vantage, "one-port", Warn,
		text{"đang sao chép cổng của một máy hoặc của một phần phòng máy", "the port of one computer, or of a part of the room, is mirrored"},
		text{"sao chép cổng nối với bộ định tuyến, không phải cổng của máy", "mirror the port to the router, not a computer's"},
	},
	{
		Vantage, "second-switch", Warn,
		text{"lưu lượng của {n} máy không đi qua cổng được sao chép", "{n} stations do not pass the mirrored port"},
		text{
			"tìm bộ chuyển mạch hoặc đường truyền thứ hai; sao chép cả cổng đó",
			"look for a second switch or line with a port of its own, and mirror that too",
		},
	},
	{
		Vantage, "loss", Warn,
		text{"bản sao thiếu {n} % lưu lượng", "{n} % of the traffic is missing in the mirror"},
		text{
			"cổng này cần tốc độ ít nhất bằng cổng bộ định tuyến; tắt flow control",
			"give this port at least the router port's speed; switch flow control off",
		},
	},
	{
		Vantage, "no-frames", Bad,
		text{"có tín hiệu nhưng không có khung nào đến", "there is a link, and no frame comes"},
		text{
			"cổng này phải là đích của sao chép, không phải nguồn; xem VLAN",
			"this port is to be the mirror's destination, not its source; see its VLAN",
		},
	},
	{
		Vantage, "gone", Bad,
		text{"bản sao không còn: mười phút nay chỉ nghe quảng bá", "the mirror is gone: for ten minutes there were broadcasts alone"},
		text{"bật lại sao chép cổng của bộ định tuyến, cả hai chiều", "have the switch mirror the router's port again, both directions"},
	},
	{
		Vantage, "blind", Bad,
		text{"chưa thấy đủ lưu lượng để tin cậy", "nothing is seen that could be relied on"},
		text{"kiểm tra sao chép cổng; chạy cafeprobe vantage", "check the mirror; run cafeprobe vantage"},
	},

	{Uplink, whyOK, OK, text{"đường truyền có địa chỉ", "the uplink has an address"}, text{}},
	{
		Uplink, "gone", Bad,
		text{"không có cổng đường truyền", "there is no uplink port"},
		text{"kiểm tra cổng mạng hoặc bộ chuyển USB", "see to the port or its USB adapter"},
	},
	{
		Uplink, "no-carrier", Bad,
		text{"cổng đường truyền không có tín hiệu", "the uplink port has no link"},
		text{"cắm cáp vào bộ định tuyến; kiểm tra cáp", "plug the cable into the router, and check the cable"},
	},
	{
		Uplink, "no-address", Bad,
		text{"bộ định tuyến không cấp địa chỉ", "the router gives no address"},
		text{"kiểm tra DHCP của bộ định tuyến, hoặc đặt địa chỉ tĩnh", "check the router's DHCP, or set a static address"},
	},

	{Broker, whyOK, OK, text{"đã kết nối với tỉnh", "connected to the province"}, text{}},
	{Broker, whyWaiting, Unknown, text{"đang kết nối với tỉnh", "connecting to the province"}, text{}},
	{
		Broker, RefusalName, Bad,
		text{"không phân giải được tên máy chủ của tỉnh", "the name of the province's broker cannot be resolved"},
		text{"kiểm tra DNS của bộ định tuyến và uplink.broker", "check the router's DNS, and uplink.broker"},
	},
	{
		Broker, RefusalTimeout, Bad,
		text{"máy chủ của tỉnh không trả lời", "the province's broker does not answer"},
		text{"kiểm tra internet; cho phép TCP 8883 đi ra", "check the internet; let TCP 8883 out"},
	},
	{
		Broker, RefusalRefused, Bad,
		text{"kết nối đến máy chủ của tỉnh bị từ chối", "the connection to the province's broker is refused"},
		text{
			"cho phép TCP 8883 đi ra; kiểm tra uplink.broker; rồi hỏi tỉnh",
			"let TCP 8883 out; check uplink.broker; then ask the province",
		},
	},
	{
		Broker, RefusalCertificate, Bad,
		text{"tỉnh không chấp nhận chứng thư của thiết bị", "the province does not accept the box's certificate"},
		text{
			"kiểm tra giờ của thiết bị; xin mã đăng ký mới của tỉnh",
			"check the box's time; ask the province for a new claim code",
		},
	},
	{
		Broker, RefusalAuthority, Bad,
		text{"máy chủ trả lời không có chứng thư của tỉnh", "what answers has no certificate of the province"},
		text{
			"kiểm tra ca.pem có đúng của tỉnh; không đi qua proxy",
			"check that ca.pem is this province's, and that no proxy is in between",
		},
	},
	{
		Broker, RefusalServer, Bad,
		text{"chứng thư của máy chủ trả lời mang tên khác", "the certificate of what answers is for another name"},
		text{
			"sửa server trong room.yaml; không đi qua proxy hoặc trang đăng nhập Wi-Fi",
			"correct server in the room file; check that no proxy or login page is in between",
		},
	},
	{
		Broker, RefusalDates, Bad,
		text{
			"theo giờ của thiết bị, chứng thư máy chủ chưa hoặc hết hiệu lực",
			"by the box's clock the server's certificate is too new or too old",
		},
		text{"kiểm tra giờ của thiết bị (NTP); rồi hỏi tỉnh", "check the box's time (NTP), then ask the province"},
	},
	{
		Broker, RefusalPlain, Bad,
		text{"máy trả lời không dùng TLS", "what answers does not speak TLS"},
		text{
			"kiểm tra cổng trong uplink.broker; tắt trang đăng nhập Wi-Fi hoặc proxy",
			"check the port in uplink.broker; take the box out of any login page or proxy",
		},
	},
	{
		Broker, RefusalClaim, Bad,
		text{"tỉnh không nhận mã đăng ký của thiết bị", "the province does not take the box's claim code"},
		text{"xin mã đăng ký mới, rồi chạy lại cafeprobe provision", "ask for a new claim code, then run cafeprobe provision again"},
	},
	{
		Broker, RefusalLogin, Bad,
		text{"máy chủ của tỉnh không nhận thiết bị", "the province's broker does not let the box in"},
		text{"hỏi tỉnh: thiết bị có thể đã bị thu hồi", "ask the province: the box may have been revoked"},
	},
	{
		Broker, RefusalOther, Bad,
		text{"không kết nối được với tỉnh", "there is no connection to the province"},
		text{"kiểm tra internet; xem nhật ký của thiết bị", "check the internet; see the box's log"},
	},

	{Receipts, whyWaiting, Unknown, text{"thiết bị đang khởi động", "the box is starting"}, text{}},
	{Receipts, whyOK, OK, text{"tỉnh đã nhận đủ", "the province has what was sent"}, text{}},
	{
		Receipts, "kept", Warn,
		text{"{n} bản ghi chờ trên thẻ nhớ", "{n} records wait on the card"},
		text{"bản ghi sẽ tự được gửi khi có kết nối", "they are sent when there is a connection"},
	},
	{
		Receipts, "late", Bad,
		text{"đã {n} phút tỉnh chưa xác nhận bản ghi đã gửi", "for {n} minutes the province has not said that it holds what was sent"},
		text{
			"báo cho tỉnh: máy chủ nhận mà hệ thống không lưu",
			"tell the province: its broker takes what its system does not get",
		},
	},
}

func lookup(n Name, why string) *word {
	for i := range words {
		if words[i].check == n && words[i].why == why {
			return &words[i]
		}
	}
	return nil
}

// Sentence says how it is, without a full stop. What another check explains says so too.
func (c Check) Sentence(l Lang) string {
	w := lookup(c.Name, c.Why)
	if w == nil {
		return c.Why
	}
	return w.sentence.in(l, c.N)
}

// Remedy says what to do, empty where there is nothing to do.
func (c Check) Remedy(l Lang) string {
	if w := lookup(c.Name, c.Why); w != nil {
		return w.remedy.in(l, c.N)
	}
	return ""
}

// Title returns the check's name for people.
func (n Name) Title(l Lang) string {
	for _, t := range titles {
		if t.name == n {
			return t.text.in(l, 0)
		}
	}
	return string(n)
}

var titles = []struct {
	name Name
	text text
}{
	{Power, text{"nguồn điện", "power"}},
	{Storage, text{"thẻ nhớ", "storage"}},
	{Clock, text{"giờ", "clock"}},
	{Capture, text{"cổng thu", "capture port"}},
	{Vantage, text{"tầm quan sát", "vantage"}},
	{Uplink, text{"đường truyền", "uplink"}},
	{Broker, text{"kết nối tỉnh", "broker"}},
	{Receipts, text{"biên nhận", "receipts"}},
}

// Word returns the state for people.
func (s State) Word(l Lang) string {
	switch s {
	case OK:
		return text{"tốt", "ok"}.in(l, 0)
	case Warn:
		return text{"lưu ý", "warn"}.in(l, 0)
	case Bad:
		return text{"hỏng", "bad"}.in(l, 0)
	}
	return text{"chưa rõ", "unknown"}.in(l, 0)
}
