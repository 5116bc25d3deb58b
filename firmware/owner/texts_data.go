package owner

// dataTexts are those of maintenance, of what is sent, and of downloads.
var dataTexts = map[string]text{
	"maint.what": {
		"Khi máy phải chạy ban đêm để cài đặt hay sửa chữa, hãy báo trước ở đây.",
		"If stations have to run at night for installation or repair, please say so here beforehand.",
	},
	"maint.effect": {
		"Việc dùng máy trong thời gian đã báo vẫn được ghi và tỉnh vẫn thấy, nhưng được báo ở mức nhẹ hơn một bậc. Mỗi tháng báo được %s lần, tính cả những lần tỉnh báo. Đã báo thì không rút lại được.",
		"Use in that time is still recorded and the province still sees it, but it is told one stage lower. Times a month: %s, those of the province included. It cannot be taken back.",
	},
	"maint.from":   {"Bắt đầu (giờ Việt Nam)", "From (Viet Nam time)"},
	"maint.to":     {"Kết thúc (giờ Việt Nam)", "To (Viet Nam time)"},
	"maint.help":   {"Dài nhất %s ngày.", "Days at most: %s."},
	"maint.do":     {"Báo bảo trì", "Declare"},
	"maint.left":   {"Còn lại", "What is left"},
	"maint.month":  {"Tháng %s: đã báo %s lần, còn %s lần.", "Month %s: declared %s, left %s."},
	"maint.list":   {"Đã báo", "Declared"},
	"maint.none":   {"Chưa báo lần nào.", "None yet."},
	"maint.seq":    {"bản ghi số %s", "record number %s"},
	"maint.format": {"Hãy điền cả ngày và giờ của hai ô.", "Please give day and time in both fields."},
	"maint.order":  {"Lúc kết thúc phải sau lúc bắt đầu.", "The end is not after the start."},
	"maint.long":   {"Một lần bảo trì dài nhất bảy ngày.", "One maintenance is seven days at most."},
	"maint.past":   {"Bảo trì phải báo trước: lúc bắt đầu đã qua.", "It has to be declared beforehand: that start is over."},
	"maint.far":    {"Chỉ báo được cho 31 ngày tới.", "It can be declared for the next 31 days."},
	"maint.many":   {"Tháng đó đã báo đủ %s lần.", "That month has all of its %s already."},
	"by.owner":     {"bạn báo", "declared by you"},
	"by.province":  {"tỉnh báo", "declared by the province"},
	"unkept": {
		"Thiết bị chưa ghi được vào chuỗi bản ghi. Hãy thử lại; nếu vẫn vậy, hãy báo kỹ thuật viên.",
		"The box could not write it into the chain of records. Please try again; if it stays so, tell the technician.",
	},

	"data.what":     {"Đây là dữ liệu của chính điểm của bạn. Bạn giữ và đưa cho ai là tùy bạn.", "These are your own café's data. Keep them, and give them to whom you like."},
	"data.csv":      {"Bảng các ngày", "Table of the days"},
	"data.csv.what": {"Mỗi ngày một dòng: thời gian có máy được dùng, nhiều máy nhất, thời gian quan sát được. Mở được bằng phần mềm bảng tính.", "A line a day: when stations were in use, the most at once, how much was seen. Any spreadsheet opens it."},
	"data.csv.do":   {"Tải bảng (CSV)", "Download the table (CSV)"},
	"data.jsonl":    {"Chuỗi bản ghi", "The chain of records"},
	"data.jsonl.what": {
		"Tất cả bản ghi còn trên thẻ nhớ, đúng từng ký tự như đã gửi cho tỉnh. Có thể mất vài phút.",
		"All records that are still on the card, letter by letter as they were sent to the province. This may take some minutes.",
	},
	"data.jsonl.do": {"Tải chuỗi bản ghi (JSONL)", "Download the chain (JSONL)"},
	"data.verify":   {"Ai cũng kiểm tra được tệp này:", "Anybody can check this file:"},
	"refused.file":  {"Thiết bị chưa tạo được tệp này. Hãy thử lại sau ít phút.", "The box could not make this file. Please try again in some minutes."},

	"privacy.what": {
		"Cổng thu của thiết bị chỉ nghe, không bao giờ gửi gì vào mạng các máy. Về điểm của bạn, thiết bị chỉ gửi cho tỉnh những bản ghi dưới đây. Danh sách này lấy thẳng từ định dạng mà thiết bị dùng để gửi.",
		"The box's capture port only listens and never sends anything to the stations. Of your café the box sends the province the records below and nothing else. This list is taken from the very formats by which it sends.",
	},
	"privacy.not":     {"Không gửi", "What is not sent"},
	"privacy.not.1":   {"Nội dung: tin nhắn, mật khẩu, trang đã xem, tên miền đã hỏi.", "Contents: messages, passwords, pages seen, names asked for."},
	"privacy.not.2":   {"Ai ngồi máy. Thiết bị không biết và không suy đoán điều gì về người dùng máy.", "Who sat at a station. The box does not know, and works out nothing about the person."},
	"privacy.not.3":   {"Tên máy, địa chỉ IP, địa chỉ MAC. Mỗi máy chỉ có một mã bí danh, tính bằng khóa không rời thiết bị.", "Names of computers, IP addresses, MAC addresses. A station has only a pseudonym, made with a key that never leaves the box."},
	"privacy.not.4":   {"Điện thoại và máy cá nhân của khách: chỉ được đếm trong bộ nhớ, không lưu, không gửi.", "Guests' telephones and own computers: counted in memory only, neither kept nor sent."},
	"privacy.not.5":   {"Hình ảnh, âm thanh: thiết bị không có camera hay micrô.", "Pictures and sound: the box has neither camera nor microphone."},
	"privacy.records": {"Bản ghi", "Records"},
	"privacy.records.what": {
		"Mỗi bản ghi có một số, được nối vào bản ghi trước bằng dấu vân tay và giữ trên thẻ nhớ 35 ngày. Chạm vào một dòng để xem từng mục.",
		"Each record has a number, is chained to the one before by its hash, and stays on the card for 35 days. Open a line to see its fields.",
	},
	"privacy.up":      {"Tin gửi cho tỉnh", "Messages to the province"},
	"privacy.up.what": {"Bản ghi được gói trong các tin này khi gửi đi.", "Records travel in these."},
	"privacy.down":    {"Tin nhận từ tỉnh", "Messages from the province"},
	"privacy.down.what": {
		"Thiết bị chỉ làm theo lệnh có chữ ký của tỉnh, và kết quả của mỗi lệnh là một bản ghi bạn xem được.",
		"The box does only what the province has signed, and what became of it is a record that you can see.",
	},
	"privacy.page":      {"Trang này", "This page"},
	"privacy.page.what": {"Trang nằm trên thiết bị, không tải gì từ nơi khác và không có mã chạy trong trình duyệt. Tỉnh không biết mã PIN của bạn. Trang dùng hai cookie: phiên đăng nhập và ngôn ngữ.", "The page is on the box, loads nothing from elsewhere and runs no script. The province does not know your PIN. It uses two cookies: the session and the language."},
}
