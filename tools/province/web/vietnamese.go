package web

import (
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"cafeprobe/tools/province/live"
	"cafeprobe/uplink"
)

// vietnamese informs and does not accuse: what a box reports is a lead for an inspection, nothing more.
var vietnamese = words{
	Lang: "vi", Other: "en", OtherName: "English", printer: message.NewPrinter(language.Vietnamese),

	Title:  "Giám sát điểm cung cấp dịch vụ Internet và trò chơi điện tử",
	Notice: "Thông tin phục vụ kiểm tra, không phải kết luận vi phạm.",
	Lost:   "Mất kết nối với máy chủ của tỉnh: số liệu bên dưới không còn được cập nhật. Trang đang tự kết nối lại.",
	Now:    "Tình hình lúc", Zone: "giờ Việt Nam",

	Cafes: "Các điểm", None: "Chưa có thiết bị nào gửi tin về. Điểm sẽ hiện ở đây ngay khi thiết bị kết nối lần đầu.",
	On: "máy đang bật", Told: "Số liệu ghi lúc", Arrived: "Nhận số liệu", Heard: "Nhận tin lần cuối", Never: "chưa từng nhận tin",
	Unsure: "giờ chưa chắc chắn", Vantage: "Tầm quan sát", Records: "Bản ghi", Chain: "Chuỗi bản ghi", Box: "Thiết bị",
	Newest: "Bản ghi mới nhất", NoRecords: "Chưa có bản ghi nào.",
	Time: "Thời gian", Cafe: "Điểm", What: "Nội dung", Seq: "Số thứ tự",
	NoTime: "không rõ giờ", Got: "nhận lúc", Waiting: "chờ bản ghi đứng trước",

	sum: "%[1]d điểm: %[2]s. %[3]d máy đang bật.", more: "Còn %d điểm nữa không hiện ở đây.",
	away: "Kho dữ liệu của tỉnh chưa trả lời. Xin thử lại sau ít phút.",
	late: "cũ %s khi nhận: gửi lại hoặc phát lại", early: "ghi giờ sau lúc nhận %s: đồng hồ của thiết bị chạy nhanh",
	ago: "%s trước", justNow: "vừa xong", inUse: "Trong đó %d máy đang có người dùng.",
	unsaid: "Chưa xác định được có người dùng hay không: %d máy.",
	books:  "%[1]d đã kiểm chứng trên %[2]d đã nhận", intact: "nguyên vẹn", missing: "thiếu %d bản ghi, đang chờ thiết bị gửi lại",
	lostForever: "thiết bị không còn giữ %d bản ghi", forked: "có nhánh thứ hai (%d bản ghi): cần kiểm tra thiết bị",
	doubted:   "%d lần báo động chuỗi không chỉ của một thiết bị: cần kiểm tra thiết bị",
	cardFault: "Thẻ nhớ không ghi được bản ghi: %s.", cardBroken: "Phát hiện %d tệp hỏng trên thẻ nhớ.", cardWarn: "Thẻ nhớ: %s.",
	unreceipted: "Đã kết nối %s mà không nhận được xác nhận: máy chủ MQTT nhận tin nhưng tỉnh không nhận được.",

	fromBoot: "Phần mềm %s.", alive: "Lần cuối biết thiết bị còn chạy: %s.",
	roster: "%d máy", part: "phần %[1]d trên %[2]d",
	usedFrom: "Máy %[1]s có dấu hiệu đang được sử dụng, độ tin cậy %[2]d %%.", usedTo: "Máy %[1]s thôi được sử dụng sau %[2]s, độ tin cậy %[3]d %%: %[4]s.",
	opened: "Máy %[1]s bật, độ tin cậy %[2]d %%.", closed: "Máy %[1]s tắt sau %[2]s, độ tin cậy %[3]d %%: %[4]s.",
	unseen: "Thôi ghi nhận máy %[1]s sau %[2]s, độ tin cậy %[3]d %%: %[4]s.", give: "Sai số thời điểm: %s.",
	titles: "Cả điểm trong %[1]s: %[2]s.", titleUse: "%[1]s %[2]d phút máy trên %[3]d máy",
	fewer:     "%[1]d ứng dụng trên dưới %[2]d máy không nêu riêng",
	blindFrom: "Thiết bị không thấy các máy (%s). Thời gian này không tính là mở cửa hay đóng cửa.",
	blindTo:   "Thiết bị đã thấy lại các máy (trước đó: %s).",
	health:    "Trong %[1]s: %[2]d khung dữ liệu, biết %[3]d máy, %[4]d bản ghi chờ xác nhận, kho bản ghi %.1[5]f MiB.",
	dropped:   "Không kịp đọc %d khung.",
	missed:    "%d khung của bản sao lưu lượng bị mất trên đường đến thiết bị.",
	passed:    "Các số %[1]d đến %[2]d không được dùng: mất điện. Không có dấu hiệu mất bản ghi.",
	unused:    "Các số %[1]d đến %[2]d không được dùng: %[3]s.",
	gap:       "Bản ghi %[1]d đến %[2]d đã mất: %[3]s.", unnumbered: "%[1]d bản ghi không được giữ: %[2]s.",
	offSince: "Thiết bị ngừng hoạt động từ %s.", unknownOff: "Không rõ thiết bị ngừng hoạt động từ lúc nào.",
	cleanOff: "Tắt đúng cách.", cutOff: "Không kịp báo tắt, có thể do mất điện.",
	anchored: "Đã đối chiếu giờ, nguồn %[1]s, sai số %[2]d mili giây.", stepped: "Chỉnh %d mili giây.",
	linkUp: "Cổng %s có kết nối.", linkDown: "Cổng %s mất kết nối.", power: "%s.",
	configured: "Đã đổi: %s.", done: "Lệnh %[1]s số %[2]d: %[3]s.", updated: "Bản %[1]s: %[2]s.",
	forkedAt: "Thẻ nhớ khác với dữ liệu của tỉnh từ bản ghi %d: thẻ đã bị sao chép hoặc khôi phục.",
	refusedN: "Thiết bị đã từ chối %[1]d lần: %[2]s.", wrong: "Không hoạt động: %s.",
	opaque: "Phiên bản này lưu giữ bản ghi nhưng chưa đọc nội dung.", garbled: "Nội dung nằm ngoài quy định, được lưu giữ nguyên văn.",
	days: "%d ngày", hours: "%d giờ", minutes: "%d phút", seconds: "%d giây",

	status: map[live.Status]string{
		live.Open: "đang mở", live.Closed: "đóng cửa", live.Unknown: "chưa rõ", live.Blind: "không quan sát được",
		live.Offline: "mất liên lạc",
	},
	why: map[live.Status]string{
		live.Open:    "Có ít nhất một máy đang bật.",
		live.Closed:  "Thiết bị thấy mạng của các máy và không có máy nào bật.",
		live.Unknown: "Thiết bị vẫn gửi tin nhưng chưa đủ căn cứ để biết điểm mở hay đóng.",
		live.Blind:   "Thiết bị vẫn gửi tin nhưng không thấy các máy, nên không biết điểm mở hay đóng.",
		live.Offline: "Không nhận được tin của thiết bị, nên không biết điểm mở hay đóng.",
	},
	kinds: map[uplink.Kind]string{
		uplink.KindBoot: "Thiết bị khởi động", uplink.KindOff: "Thiết bị đã tắt một thời gian", uplink.KindAnchor: "Đối chiếu giờ",
		uplink.KindRoster: "Danh sách máy", uplink.KindOpen: "Máy bật", uplink.KindClose: "Kết thúc phiên máy",
		uplink.KindTitle: "Thời gian dùng ứng dụng", uplink.KindVantage: "Tầm quan sát", uplink.KindBlind: "Khả năng quan sát",
		uplink.KindLink: "Cổng mạng", uplink.KindPower: "Nguồn điện", uplink.KindConfig: "Đổi cấu hình",
		uplink.KindCommand: "Kết quả lệnh", uplink.KindUpdate: "Cập nhật phần mềm", uplink.KindHealth: "Tình trạng thiết bị",
		uplink.KindGap: "Ngắt quãng số bản ghi", uplink.KindFork: "Chuỗi có nhánh thứ hai", uplink.KindSecurity: "Từ chối vì an ninh",
		uplink.KindEvent:      "Sự kiện của thiết bị",
		uplink.KindAfterHours: "Máy được dùng ngoài giờ", uplink.KindMaintenance: "Báo trước bảo trì",
		uplink.KindDispute: "Ý kiến của chủ điểm",
	},
	roles: map[string]string{
		"unknown": "chưa rõ loại", "pc": "máy tính", "router": "bộ định tuyến", "server": "máy chủ", "cashier": "máy thu ngân",
		"phone": "điện thoại", "printer": "máy in", "other": "loại khác",
	},
	boots: map[string]string{
		"power": "Có điện trở lại.", "reboot": "Khởi động lại theo lệnh.", "watchdog": "Tự khởi động lại vì phần mềm không phản hồi.",
		"update": "Khởi động sau khi cập nhật.", "crash": "Khởi động lại sau lỗi phần mềm.",
	},
	blinds: map[string]string{
		"link-down": "cổng mạng mất kết nối", "no-frames": "không có dữ liệu đi qua", "broadcasts": "chỉ thấy gói phát rộng",
		"dropped": "không kịp đọc dữ liệu", "source-ended": "nguồn dữ liệu đã hết",
	},
	results: map[string]string{"done": "đã thực hiện", "refused": "bị từ chối", "failed": "không thực hiện được"},
	powers:  map[string]string{"good": "Nguồn điện tốt", "low": "Điện áp thấp", "throttled": "Chạy chậm lại vì nguồn yếu"},
	events: map[string]string{
		uplink.EventCrash: "Một chương trình của thiết bị bị lỗi và đã dừng.", uplink.EventData: "Dữ liệu trên thẻ nhớ không bình thường.",
		uplink.EventProvision: "Cài đặt của kỹ thuật viên đã được áp dụng hoặc bị từ chối.",
		uplink.EventPowerDown: "Thiết bị được tắt bằng nút nguồn.", uplink.EventReboot: "Thiết bị tự khởi động lại.",
		uplink.EventDamaged: "Phần mềm trên thẻ nhớ không còn như lúc ghi: thiết bị có thể không khởi động lại được.",
		uplink.EventReset:   "Cấu hình thiết bị được xóa bằng nút bấm; khóa và bản ghi vẫn được giữ.",
	},
	checks: map[string]string{
		"power": "nguồn điện", "storage": "thẻ nhớ", "clock": "giờ", "capture": "cổng thu", "vantage": "tầm quan sát",
		"uplink": "đường truyền", "broker": "kết nối", "receipts": "biên nhận",
	},
	updates: map[string]string{
		"announced": "đã được đề nghị", "fetched": "đã tải về", "refused": "bị từ chối", "written": "đã ghi, thiết bị khởi động lại",
		"trial": "đang chạy thử", "confirmed": "chạy tốt và được giữ lại", "rolled-back": "không chạy tốt, thiết bị trở về bản trước",
	},
	notTaken: map[string]string{
		"malformed": "Dữ liệu nhận được không phải phần mềm.", "unsigned": "Không có chữ ký.", "wrong-key": "Ký bằng khóa khác.",
		"revoked-key": "Ký bằng khóa đã bị thay.", "older": "Cũ hơn bản thiết bị đang có.",
		"frozen": "Chữ ký mới nhất đã hết hạn; có thể bản mới hơn bị giữ lại.", "other-board": "Dành cho kiểu thiết bị khác.",
		"truncated": "Tệp bị cắt cụt.", "swapped": "Không phải tệp đã ký.", "endless": "Lớn hơn tệp đã ký.",
		"no-room": "Không đủ chỗ.", "current": "Bản này đang chạy.", "absent": "Không có bản cho kiểu thiết bị này.",
		"network": "Không tải về được.", "card": "Thẻ nhớ không giữ được dữ liệu.",
		"reset": "Thiết bị bị treo hoặc mất điện.", "damaged": "Phần mềm trên thẻ nhớ không còn như lúc ghi.",
		"watchdog": "Thiết bị bị treo và đã được tự động khởi động lại.",
	},
	refusals: map[string]string{
		uplink.SecurityNoRoom:    "không đủ chỗ cho phần mềm",
		uplink.SecurityMalformed: "tin sai định dạng", uplink.SecurityForged: "chữ ký không khớp",
		uplink.SecurityReplayed: "lệnh cũ được gửi lại", uplink.SecurityExpired: "lệnh đã hết hạn",
		uplink.SecurityMisled: "tin dành cho thiết bị khác", uplink.SecurityFlood: "quá nhiều tin",
		uplink.SecuritySent: "cổng thu đã phát dữ liệu ra mạng", uplink.SecurityUntrue: "giờ không thể có",
		uplink.SecurityDisputed: "các máy chủ giờ trả lời khác nhau", uplink.SecurityStep: "giờ nhảy, chờ xác nhận",
		uplink.SecurityStranger: "bản sao lưu lượng từ nguồn gửi không có trong danh sách",
		uplink.SecurityGuess:    "sai mã PIN hoặc mã trên nhãn ở trang của chủ điểm",
		uplink.SecurityCross:    "biểu mẫu của trang chủ điểm do một trang web khác gửi đến",
	},
	cards: map[string]string{
		uplink.CardFull: "đầy", uplink.CardReadOnly: "chỉ đọc", uplink.CardFailing: "báo lỗi khi đọc hoặc ghi",
		uplink.CardBroken: "không giữ đúng dữ liệu đã ghi", uplink.CardVolatile: "mất dữ liệu khi mất điện",
		uplink.CardNoJournal: "hệ thống tệp không có nhật ký", uplink.CardNoBarrier: "cách gắn thẻ có thể làm mất bản ghi khi mất điện",
		uplink.CardUnknown: "không rõ lý do",
	},
	gaps: map[string]string{"corrupt": "thẻ nhớ hỏng", "full": "thẻ nhớ đầy", "torn": "mất điện", "fork": "thẻ được khôi phục hoặc sao chép"},
	sights: map[string]string{
		"A+": "A+: thấy lưu lượng của mọi máy và của máy chủ khởi động", "A": "A: thấy lưu lượng của mọi máy",
		"C": "C: cổng thường, chỉ thấy một phần; im lặng không có nghĩa là tắt", "BLIND": "không thấy máy nào",
	},
	vantages: map[string]string{
		"mirror": "cổng sao chép cả hai chiều", "mirror-disks": "cổng sao chép cả hai chiều, gồm cả ổ đĩa",
		"second-switch": "có bộ chuyển mạch hoặc đường truyền thứ hai không đi qua cổng sao chép", "broadcasts": "chỉ thấy gói phát rộng",
		"one-way": "cổng sao chép chỉ một chiều", "one-port": "cổng được sao chép không phải cổng của bộ định tuyến",
		"no-frames": "không có dữ liệu đi qua", "given": "theo kỹ thuật viên; dữ liệu cho thấy khác",
	},
	hidden: "%d máy không quan sát được.", lost: "Cổng sao chép làm mất %.1f %% lưu lượng.",
	causes: map[uplink.Cause]string{
		uplink.CauseUserRequest: "máy báo rời mạng", uplink.CauseLostCarrier: "mất kết nối cáp",
		uplink.CauseLostService: "thiết bị không còn quan sát được, máy có thể vẫn bật",
		uplink.CauseIdleTimeout: "không còn tín hiệu", uplink.CauseNASReboot: "thiết bị dừng hoặc khởi động lại, máy có thể vẫn bật",
		uplink.CauseHostRequest: "máy khởi động lại", uplink.CauseNASRequest: "thiết bị thôi theo dõi, máy có thể vẫn bật",
	},

	Nights: "Máy được dùng ngoài giờ", NoNights: "Chưa có đêm nào được báo về.", NightOf: "Đêm", Going: "chưa tổng kết", Over: "đã tổng kết",
	used:    "Từ %[1]s đến %[2]s, nhiều nhất %[3]d máy cùng lúc, tổng cộng %[4]d phút máy, độ tin cậy %[5]d %%.",
	notSeen: "%d phút không quan sát được.", maintained: "%d phút trong thời gian bảo trì đã báo.", unsureTimes: "Giờ chưa chắc chắn.",
	stages: map[string]string{uplink.StageWatch: "lưu ý", uplink.StageAlert: "đề nghị kiểm tra", uplink.StageEnd: "tổng kết đêm"},

	Replaced: "Thay thiết bị", replaced: "Thiết bị được thay ngày %[1]s, trước đó là %[2]s.",
	newCard:  "Thẻ nhớ hoặc bo mạch của thiết bị được thay ngày %s.",
	newChain: "Thiết bị bắt đầu chuỗi bản ghi mới ngày %s.",
	because:  "Lý do: %s.", awaited: "Đang chờ thiết bị mới gửi tin lần đầu.",
	cameBack: "Thiết bị đã được thay (%[1]s) tìm cách kết nối lại lúc %[2]s và bị từ chối.",
	earlier:  "Thiết bị trước khi thay (%[1]s): %[2]s",

	Disputed:   "Chủ điểm không đồng ý",
	disputed:   "Chủ điểm không đồng ý với nội dung đã báo về đêm %[1]s (%[2]s, bản ghi %[3]d): “%[4]s”",
	announced:  "Báo trước thời gian bảo trì từ %[1]s đến %[2]s, người báo: %[3]s.",
	announcers: map[string]string{uplink.ByOwner: "chủ điểm", uplink.ByProvince: "tỉnh"},
}
