package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ovmf is where Debian's package ovmf has the firmware of a PC: its code, and the variables of one that was never switched on.
const ovmf = "/usr/share/OVMF"

// UEFI returns Config.Firmware and Config.Vars of a PC that is switched on for the first time. The variables are a file in dir.
func UEFI(dir string) (code, vars string, err error) {
	b, err := os.ReadFile(filepath.Join(ovmf, "OVMF_VARS_4M.fd"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("the firmware of an emulated PC: %w (apt-get install ovmf)", err)
	}
	vars = filepath.Join(dir, "uefi-vars.fd")
	if err == nil {
		err = os.WriteFile(vars, b, 0o600)
	}
	if err != nil {
		return "", "", fmt.Errorf("the firmware of an emulated PC: %w", err)
	}
	return filepath.Join(ovmf, "OVMF_CODE_4M.fd"), vars, nil
}
