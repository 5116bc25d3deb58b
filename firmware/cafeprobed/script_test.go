package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"rsc.io/script"
	"rsc.io/script/scripttest"
)

// asDaemon in the environment makes the test binary be cafeprobed.
const asDaemon = "CAFEPROBED_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestScripts runs testdata/*.txt: what a technician sees of the command line.
func TestScripts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	engine := script.NewEngine()
	engine.Cmds["status"] = status(self)
	scripttest.Test(t, t.Context(), engine, append(os.Environ(), asDaemon+"=1"), "testdata/*.txt")
}

// status runs cafeprobed and compares its exit status.
func status(self string) script.Cmd {
	usage := script.CmdUsage{Summary: "run cafeprobed, which is to exit with a status", Args: "status [args...]"}
	return script.Command(usage, func(s *script.State, args ...string) (script.WaitFunc, error) {
		if len(args) == 0 {
			return nil, script.ErrUsage
		}
		cmd := exec.CommandContext(s.Context(), self, args[1:]...)
		cmd.Dir, cmd.Env = s.Getwd(), s.Environ()
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); cmd.ProcessState == nil {
			return nil, err
		}
		var wrong error
		if got, want := cmd.ProcessState.String(), "exit status "+args[0]; got != want {
			wrong = fmt.Errorf("cafeprobed: %s, want %s", got, want)
		}
		return func(*script.State) (string, string, error) {
			return out.String(), errs.String(), wrong
		}, nil
	})
}
