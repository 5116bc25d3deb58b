package port

import (
	"fmt"
	"slices"
	"strings"

	"cafeprobe/tools/lang"

	"go.bug.st/serial/enumerator"
)

// adapters are the USB identifiers (vendor:product) of chips in the cables that technicians have, by the drivers of Linux that name them.
var adapters = []string{
	"0403:6001", "0403:6010", "0403:6015", // FTDI (ftdi_sio)
	"10C4:EA60",              // Silicon Labs CP210x (cp210x)
	"1A86:7523", "1A86:5523", // WCH CH340, CH341 (ch341)
	"1A86:55D3", "1A86:55D4", // WCH CH343, CH9102 (cdc_acm)
	"067B:2303", "067B:23A3", // Prolific PL2303 (pl2303)
	"2E8A:000C", // Raspberry Pi debug probe (cdc_acm)
}

// Find returns the port of the adapter that is plugged in. Its faults say what to do where there is none, or more than one.
func Find() (string, error) {
	list, err := enumerator.GetDetailedPortsList()
	if err != nil {
		return "", fmt.Errorf("list the serial ports: %w", err)
	}
	return choose(list)
}

// choose prefers adapters that are known to any other port at USB.
func choose(list []*enumerator.PortDetails) (string, error) {
	var known, usb []string
	for _, p := range list {
		if !p.IsUSB {
			continue
		}
		usb = append(usb, p.Name)
		if slices.Contains(adapters, strings.ToUpper(p.VID+":"+p.PID)) {
			known = append(known, p.Name)
		}
	}
	if len(known) > 0 {
		usb = known
	}
	slices.Sort(usb)
	do := lang.Text{
		VI: "cắm cáp USB–nối tiếp vào máy, hoặc chỉ ra cổng bằng --port", EN: "plug the USB serial cable in, or name its port (--port)",
	}
	switch len(usb) {
	case 1:
		return usb[0], nil
	case 0:
		return "", &lang.Fault{What: lang.Text{VI: "không thấy cáp nối tiếp nào", EN: "no serial cable is plugged in"}, Do: do}
	}
	return "", &lang.Fault{
		What: lang.Text{VI: "có nhiều cáp nối tiếp: %s", EN: "several serial cables are plugged in: %s"}, Args: []any{strings.Join(usb, ", ")},
		Do: lang.Text{VI: "chỉ ra cổng bằng --port", EN: "name the one (--port)"},
	}
}
