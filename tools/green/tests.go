package main

// Row says which tests a suite of the record is made of.
type Row struct {
	Board   string // whose image they test
	Suite   string // release.Suites
	Package string // below the module
	Test    string // a pattern of whole names
}

// Rows are all of them. Each is to match at least one test; a test may be of several suites.
var Rows = []Row{
	{"qemu-arm64", "boot", "tools/cafeprobe/demo", "TestEmulate"},
	{"qemu-arm64", "silence", "tools/cafeprobe/demo", "TestEmulate"}, // each fails for one frame
	{"qemu-arm64", "silence", "tools/cafeprobe/demo", "TestEmulateUpdate"},
	{"qemu-arm64", "silence", "tools/cafeprobe/demo", "TestRollBack"},
	{"qemu-arm64", "update", "tools/cafeprobe/demo", "TestEmulateUpdate"},
	{"qemu-arm64", "roll-back", "tools/cafeprobe/demo", "TestRollBack"},
	{"qemu-arm64", "power-cut", "tools/cafeprobe/demo", "TestCut.*"},

	{"pc", "boot", "tools/cafeprobe/demo", "TestEmulate"},
	{"pc", "silence", "tools/cafeprobe/demo", "TestEmulate"},
	{"pc", "silence", "tools/cafeprobe/demo", "TestEmulateUpdate"},
	{"pc", "silence", "tools/cafeprobe/demo", "TestEmulateDamage"},
	{"pc", "update", "tools/cafeprobe/demo", "TestEmulateUpdate"},
	{"pc", "roll-back", "tools/cafeprobe/demo", "TestEmulateDamage"}, // and TestEmulateUpdate's first firmware, whose PID 1 ends
	{"pc", "roll-back", "tools/cafeprobe/demo", "TestEmulateUpdate"},
	{"pc", "power-cut", "tools/cafeprobe/demo", "TestCut.*"},
}

// of returns the rows of a board.
func of(board string) (rows []Row) {
	for _, r := range Rows {
		if r.Board == board {
			rows = append(rows, r)
		}
	}
	return rows
}
