package uplink

import "errors"

// Boot says that the daemon started; it is the first record of its boot counter. Alive brackets the outage before it:
// the box was off or not working at some time between Alive and the stamp.
type Boot struct {
	Stamp
	Firmware string `json:"fw"`              // version of the firmware, at most 64 octets
	Board    string `json:"board,omitempty"` // model of the board, at most 64 octets
	Why      string `json:"why,omitempty"`   // a word: see the constants; absent: nothing is known of the boot before
	Alive    Time   `json:"alive"`           // the last time known from the boot before, null where there is none
}

// What Boot.Why says. After a restart or a crash the machine went on: m counts from the same boot of it as before.
const (
	BootPower    = "power"    // the machine was off, and nobody had said goodbye
	BootReboot   = "reboot"   // the machine was off after a goodbye
	BootWatchdog = "watchdog" // the machine hung and was reset
	BootUpdate   = "update"   // the machine was started with another firmware
	BootRestart  = "restart"  // the daemon alone, after a goodbye
	BootCrash    = "crash"    // the daemon alone, without
)

// Kind returns KindBoot.
func (*Boot) Kind() Kind { return KindBoot }

func (b *Boot) valid() error {
	if len(b.Firmware) > 64 || len(b.Board) > 64 || (b.Why != "" && !isWord(b.Why, 24)) || b.Alive < 0 {
		return errors.New("fw or board over 64 octets, why no word, or alive negative")
	}
	return nil
}
