package owner

import "maps"

// texts are all that the page says.
var texts = func() map[string]text {
	all := map[string]text{}
	for _, part := range []map[string]text{doorTexts, dayTexts, dataTexts, wordTexts} {
		maps.Copy(all, part)
	}
	return all
}()

// doorTexts are those of every page, and of the forms by which one comes in.
var doorTexts = map[string]text{
	"site":     {"Trang dành cho chủ điểm", "The owner's page"},
	"site.box": {"Thiết bị", "Box"},
	"skip":     {"Đến nội dung chính", "Skip to the content"},
	"notice": {
		"Thông tin phục vụ kiểm tra, không phải kết luận vi phạm.",
		"Information for inspection, not a finding of an offence.",
	},
	"now": {"Giờ của thiết bị: %s (giờ Việt Nam).", "The box's time: %s (Viet Nam)."},

	"nav":             {"Các trang", "Pages"},
	"nav.today":       {"Hôm nay", "Today"},
	"nav.days":        {"35 ngày", "35 days"},
	"nav.maintenance": {"Bảo trì", "Maintenance"},
	"nav.privacy":     {"Gửi gì", "What is sent"},
	"nav.data":        {"Tải về", "Download"},
	"nav.pin":         {"Đổi mã PIN", "Change the PIN"},
	"nav.logout":      {"Đăng xuất", "Log out"},

	"title.setup":       {"Đặt mã PIN", "Set a PIN"},
	"title.login":       {"Đăng nhập", "Log in"},
	"title.pin":         {"Đổi mã PIN", "Change the PIN"},
	"title.refused":     {"Chưa thực hiện được", "Not done"},
	"title.day":         {"Hôm nay", "Today"},
	"title.days":        {"35 ngày gần nhất", "The last 35 days"},
	"title.night":       {"Một đêm", "One night"},
	"title.maintenance": {"Báo bảo trì", "Declare maintenance"},
	"title.privacy":     {"Thiết bị gửi gì và không gửi gì", "What the box sends and what it does not"},
	"title.data":        {"Tải dữ liệu của bạn", "Download your data"},

	"setup.what": {
		"Trang này cho bạn xem đúng những gì tỉnh nhận được từ thiết bị. Để mở trang, hãy nhập mã trên nhãn thiết bị và đặt một mã PIN của riêng bạn.",
		"This page shows you just what the province gets from the box. To open it, enter the code on the box's label and choose a PIN of your own.",
	},
	"setup.left": {
		"Biểu mẫu này còn mở %s phút. Hết thời gian, hãy giữ nút trên thiết bị 3 giây; thiết bị không có nút thì rút điện rồi cắm lại.",
		"Minutes that this form stays open: %s. After that, hold the box's button for 3 s; if it has none, unplug it and plug it in again.",
	},
	"setup.code": {"Mã trên nhãn thiết bị", "Code on the box's label"},
	"setup.help": {
		"10 chữ và số, ví dụ dạng XXXXX-XXXXX. Chữ hoa hay thường đều được.",
		"10 letters and digits, in the form XXXXX-XXXXX. Capitals do not matter.",
	},
	"setup.do":    {"Mở trang", "Open the page"},
	"setup.have":  {"Đã có mã PIN?", "You have a PIN?"},
	"setup.wrong": {"Mã không khớp với nhãn của thiết bị này. Hãy xem lại từng ký tự.", "The code is not the one on this box's label. Please check each letter."},
	"setup.many": {
		"Đã nhập sai mã nhiều lần. Hãy giữ nút trên thiết bị 3 giây (không có nút thì rút điện rồi cắm lại) rồi thử lại.",
		"The code was wrong many times. Hold the box's button for 3 s (without one, unplug it and plug it in again), then try again.",
	},

	"login.what": {
		"Nhập mã PIN bạn đã đặt để xem đúng những gì tỉnh thấy về điểm của bạn.",
		"Enter your PIN to see just what the province sees of your café.",
	},
	"login.pin":  {"Mã PIN", "PIN"},
	"login.do":   {"Đăng nhập", "Log in"},
	"login.lost": {"Quên mã PIN? Giữ nút trên thiết bị 3 giây rồi đặt mã mới bằng mã trên nhãn. Thiết bị không có nút: hãy nhờ kỹ thuật viên.", "PIN forgotten? Hold the box's button for 3 s and set a new one with the code on the label. If the box has no button, ask the technician."},

	"pin.what":  {"Sau khi đổi, mọi nơi đang đăng nhập sẽ phải đăng nhập lại.", "After the change everybody who is logged in has to log in again."},
	"pin.old":   {"Mã PIN hiện tại", "Present PIN"},
	"pin.new":   {"Mã PIN mới", "New PIN"},
	"pin.again": {"Nhập lại mã PIN mới", "New PIN once more"},
	"pin.help":  {"%s đến %s chữ số, không dùng dãy như 123456 hay 000000.", "%s to %s digits, not a row such as 123456 or 000000."},
	"pin.do":    {"Đổi mã PIN", "Change the PIN"},
	"pin.weak": {
		"Mã PIN mới cần %s đến %s chữ số và không phải một dãy như 123456 hay 000000.",
		"A new PIN needs %s to %s digits and is not a row such as 123456 or 000000.",
	},
	"pin.differ": {"Hai lần nhập mã PIN mới không giống nhau.", "The new PIN was not the same both times."},
	"pin.length": {"Mã PIN có %s đến %s chữ số. Lần nhập này không bị tính là sai.", "A PIN has %s to %s digits. This did not count as a wrong one."},
	"pin.wrong":  {"Mã PIN không đúng.", "This is not the PIN."},
	"pin.wait":   {"Mã PIN đã sai nhiều lần. Hãy thử lại sau %s phút.", "The PIN was wrong many times. Minutes to wait: %s."},
	"pin.spent": {
		"Mã PIN đã sai quá nhiều lần trong một ngày. Hãy giữ nút trên thiết bị 3 giây rồi đặt mã mới bằng mã trên nhãn, hoặc chờ đến ngày mai.",
		"The PIN was wrong too often in one day. Hold the box's button for 3 s and set a new one with the code on the label, or wait until tomorrow.",
	},
	"pin.unkept": {
		"Thẻ nhớ của thiết bị không ghi được, nên mã PIN chưa được kiểm tra hay lưu. Hãy báo kỹ thuật viên.",
		"The box's card takes no writes, so the PIN was neither checked nor kept. Please tell the technician.",
	},

	"done.setup":       {"Đã đặt mã PIN. Trang đã mở.", "The PIN is set. The page is open."},
	"done.pin":         {"Đã đổi mã PIN.", "The PIN is changed."},
	"done.logout":      {"Bạn đã đăng xuất.", "You are logged out."},
	"done.dispute":     {"Đã ghi ý kiến của bạn vào chuỗi bản ghi. Tỉnh sẽ đọc được.", "Your objection is in the chain of records. The province will read it."},
	"done.maintenance": {"Đã ghi báo bảo trì vào chuỗi bản ghi.", "The maintenance is in the chain of records."},

	"refused.back":    {"Về trang đầu", "To the first page"},
	"refused.cross":   {"Yêu cầu này đến từ một trang khác nên không được thực hiện.", "This was sent by another site's page and was not done."},
	"refused.host":    {"Hãy mở trang bằng địa chỉ số của thiết bị, như https://192.168.1.10.", "Please open the page by the box's address in figures, as https://192.168.1.10."},
	"refused.form":    {"Dữ liệu gửi lên không phải một biểu mẫu của trang này.", "What was sent is not a form of this page."},
	"refused.long":    {"Dữ liệu gửi lên quá dài.", "What was sent is too long."},
	"refused.missing": {"Không có trang này.", "There is no such page."},
	"refused.busy":    {"Thiết bị đang xuất một tệp khác. Hãy thử lại sau ít phút.", "The box is writing another file. Please try again in some minutes."},
	"refused.fault":   {"Thiết bị không mở được trang này. Hãy báo kỹ thuật viên.", "The box cannot show this page. Please tell the technician."},

	"span.m":  {"%s phút", "%s min"},
	"span.h":  {"%s giờ", "%s h"},
	"span.hm": {"%s giờ %s phút", "%s h %s min"},

	"weekday.0": {"chủ nhật", "Sunday"},
	"weekday.1": {"thứ hai", "Monday"},
	"weekday.2": {"thứ ba", "Tuesday"},
	"weekday.3": {"thứ tư", "Wednesday"},
	"weekday.4": {"thứ năm", "Thursday"},
	"weekday.5": {"thứ sáu", "Friday"},
	"weekday.6": {"thứ bảy", "Saturday"},
}
