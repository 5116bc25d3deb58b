package main

// Long is a test that does with SOAK set all of what `make test` does a part of, or that is part of what the long ones prove.
type Long struct {
	Package string // below the module
	Test    string
	Must    string // what holds if it passes, for a test that tells no figures of its own (package hold)
}

// Longs are the tests of `make soak`, in the order of the walk. One that is listed and does not run has failed.
var Longs = []Long{
	{"firmware/pipeline", "TestFloodOfStations", "1 000 000 made-up source addresses: memory fixed, no real station evicted, counters exact"},
	{"firmware/pipeline", "TestFloodOfFlows", "10 000 000 flows of one frame: the same"},
	{"firmware/pipeline", "TestFloodLive", "a slow side that takes a fifth: drops counted to the observation, no real station lost"},
	{"firmware/pipeline", "TestDay", "24 hours of 100 computers at 100 Mbit/s: memory flat, each frame counted, each session told at its time"},
	{"firmware/image", "TestReproducible", "two builds of an image, for QEMU and for a PC, are the same octet for octet"},
	{"tools/cafeprobe/demo", "TestEmulate", "the image in QEMU: boots, enrols, 11 stations at the province, 0 frames out of the capture port"},
	{"tools/cafeprobe/demo", "TestEmulateProvision", "a box that knows nothing becomes a café's over its console, is locked, and opens to a technician's certificate"},
	{"tools/cafeprobe/demo", "TestEmulateOwner", "the owner's page of a box in QEMU: setup after power-on, a PIN by the label's code, a page within a second, a proof that verifies, 0 frames"},
	{"tools/cafeprobe/demo", "TestEmulateStick", "a box takes a firmware from a USB stick, which it does not touch; a forged one and garbage change nothing"},
	{"tools/cafeprobe/demo", "TestEmulateDamage", "a bit that flips in a PC's firmware on trial: it is left, and the one before runs and says so"},
	{"tools/cafeprobe/demo", "TestEmulateCards", "a card that is write-protected, fails, is full, broken, empty: QEMU boots, tells, and is well the boot after"},
	{"tools/cafeprobe/demo", "TestEmulateNoise", "ten cards in QEMU with noise where data are: each boots, and its daemon reaches the province"},
	{"tools/cafeprobe/demo", "TestEmulatePanic", "a kernel's last words survive the reset and are told"},
	{"tools/cafeprobe/demo", "TestEmulateHundred", "512 MiB in QEMU, 100 stations: at most 128 MB used, kernel and all"},
	{"firmware/init/data", "TestNoise", "240 file systems with noise: each comes up and takes files, and is sound afterwards"},
	{"firmware/init", "TestWeek", "PID 1's loops for a week: nothing held that was not after the first day"},
	{"tools/e2e", "TestCrowdLive", "more than 500 stations on a capture port: at most 40 MB resident, the ring among it, each frame accounted for"},
	{"tools/e2e", "TestWeekOfFrames", "a week's frames through a daemon: memory flat, no file left open"},
	{"tools/cafeprobe/demo", "TestCutReplay", "power cuts in all that a box writes, an ARM board and a PC: state valid, one slot whole, no record lost"},
	{"tools/cafeprobe/demo", "TestCutKills", "20 kills of the guest, each board: it comes back, no fork, no record lost, 0 frames out of the capture port"},
	{"tools/cafeprobe/checktest", "TestCheck", "18 cafés in network namespaces, each with one thing wrong: cafeprobe check names it alone, with what mends it"},
	{"tools/sim/judge", "TestSiteNights", "10 000 site-nights of fresh rooms: at most 1 false after_hours, 99.5 % of the true ones told, each once"},
	{"tools/sim/judge", "TestContribution", "60 rooms: numbers of the model that are up to 30 % off cost at most 0.02 of F1; what each evidence contributes"},
	{"uplink/spool", "TestPowerCut", "1 000 honest crash images: every one opens, 0 committed records lost"},
	{"uplink/spool", "TestLyingCard", "300 images of a card that lies: every one opens, each loss is declared"},
	{"uplink/spool", "TestDayOfWrites", "at most 50 MB a day to the block device"},
	{"tools/e2e", "TestKilled", "killed -9 at random: 0 lost, 0 doubled, 0 forks"},
	{"tools/e2e", "TestOutage", "a month without a broker: memory flat, spool bounded, catches up"},
	{"tools/e2e", "TestBytes", "a whole day on the wire, busy and idle"},
}
