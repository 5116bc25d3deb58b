// Package mirror says what to change on a switch so that a box sees its café, by the word of what it sees instead.
package mirror

import (
	"cafeprobe/firmware/cafe"
	"cafeprobe/tools/lang"
)

// remedies are what to change, by the word of the vantage.
var remedies = map[cafe.Word]lang.Text{
	cafe.WordBroadcasts: {
		VI: "Trên bộ chuyển mạch, sao chép cổng nối với bộ định tuyến (nguồn: cổng của bộ định tuyến, cả hai chiều; đích: cổng này). " +
			"Bộ chuyển mạch không quản lý thì không làm được: đặt một bộ có quản lý giữa bộ định tuyến và bộ chuyển mạch, " +
			"hoặc để chính bộ định tuyến gửi bản sao (MikroTik: /tool sniffer, TZSP).",
		EN: "On the switch, mirror the port to the router (source: the router's port; both directions, often called " +
			"\"ingress and egress\" or \"RX and TX\"; destination: this port). An unmanaged switch cannot: put a managed one between " +
			"router and switch, or let the router itself mirror (MikroTik: /tool sniffer, TZSP).",
	},
	cafe.WordOneWay: {
		VI: "Bản sao chỉ có một chiều. Đặt cả hai chiều (\"both\", \"RX và TX\", \"ingress và egress\"); " +
			"bộ chuyển mạch chỉ sao chép được một chiều thì không dùng được cho việc này.",
		EN: "The mirror shows one direction. Set it to both directions (\"both\", \"RX and TX\", \"ingress and egress\"); " +
			"where the switch can mirror one only, it is not fit for this.",
	},
	cafe.WordOnePort: {
		VI: "Đang sao chép cổng của một máy, hoặc một phần của phòng. Sao chép cổng nối với bộ định tuyến: mọi lưu lượng internet đi qua đó.",
		EN: "The port of one computer, or of a part of the room, is mirrored. Mirror the port to the router, not a computer's: " +
			"all that goes to the internet passes there.",
	},
	cafe.WordSecondSwitch: {
		VI: "Một số máy không đi qua cổng được sao chép. Tìm bộ chuyển mạch thứ hai nối thẳng vào bộ định tuyến, hoặc đường truyền thứ hai có " +
			"bộ định tuyến riêng: sao chép cả cổng đó, hoặc nối bộ chuyển mạch thứ hai vào sau bộ thứ nhất.",
		EN: "Some stations do not pass the mirrored port. Look for a second switch that goes to the router by a port of its " +
			"own, or for a second line with a router of its own: mirror that port as well, or connect the second switch behind the first.",
	},
	cafe.WordNoFrames: {
		VI: "Có tín hiệu mà không có khung nào đến: cổng này đang là nguồn thay vì đích của sao chép, hoặc nằm trong VLAN hay nhóm cách ly riêng.",
		EN: "The link is up and nothing comes: the mirror has this port as its source instead of its destination, " +
			"or the port is in a VLAN or an isolated group of its own.",
	},
}

// Remedy returns what to change for a word of the vantage; ok is false where there is nothing to change.
func Remedy(w cafe.Word) (t lang.Text, ok bool) {
	t, ok = remedies[w]
	return t, ok
}

// Steps are what to set on one maker's switches. Menus differ by model and release.
type Steps struct {
	Maker string
	Do    lang.Text
}

// Makers are those whose switches and routers cafés have, each with its steps. In all of them 1 stands for the port to the router, and 8
// for that of the box.
var Makers = []Steps{
	{"MikroTik", lang.Text{
		VI: "/interface ethernet switch set switch1 mirror-source=ether1 mirror-target=ether8. CRS từ RouterOS 7.15: … switch port set ether1 " +
			"mirror-ingress=yes mirror-egress=yes, rồi … switch set switch1 mirror-target=ether8. Không có chip switch: /tool sniffer, TZSP",
		EN: "/interface ethernet switch set switch1 mirror-source=ether1 mirror-target=ether8. CRS since RouterOS 7.15: … switch port set ether1 " +
			"mirror-ingress=yes mirror-egress=yes, then … switch set switch1 mirror-target=ether8. Without a switch chip: /tool sniffer, TZSP",
	}},
	{"DrayTek", lang.Text{
		VI: "VigorSwitch: Switch LAN > Mirror, bật; cổng đích 8, nguồn 1 cho cả TX và RX. Router Vigor: LAN > LAN Port Mirror, " +
			"Mirror Port 8, Mirrored Tx và Rx 1",
		EN: "VigorSwitch: Switch LAN > Mirror, enable; destination port 8, source 1 for both TX and RX. Vigor router: LAN > LAN Port Mirror, " +
			"Mirror Port 8, Mirrored Tx and Rx 1",
	}},
	{"Ruijie Reyee", lang.Text{
		VI: "Local Device > Ports > Port Mirroring > Edit: Src Port 1, Dest Port 8, Monitor Direction Both",
		EN: "Local Device > Ports > Port Mirroring > Edit: Src Port 1, Dest Port 8, Monitor Direction Both",
	}},
	{"TP-Link", lang.Text{
		VI: "Easy Smart: Monitoring > Port Mirror, Mirroring Port 8, cổng 1 bật Ingress và Egress. JetStream: Maintenance > Mirroring " +
			"(đời cũ: Switching > Port > Port Mirror), đích 8, nguồn 1 Ingress và Egress",
		EN: "Easy Smart: Monitoring > Port Mirror, Mirroring Port 8, port 1 with Ingress and Egress. JetStream: Maintenance > Mirroring " +
			"(older: Switching > Port > Port Mirror), destination 8, source 1 with Ingress and Egress",
	}},
}

// Legend says what the numbers in Makers stand for.
var Legend = lang.Text{
	VI: "cổng 1: nối bộ định tuyến; cổng 8: nối thiết bị; tên menu khác nhau theo đời máy",
	EN: "port 1: to the router; port 8: to the box; menus differ by model",
}
