// Command benchlive finds out how many frames a second one core takes from a capture port and decodes, without losing one.
//
//	benchlive [-for 30s] [-octets 64]
//
// A sender pinned to core 1 fills one end of a veth pair, the box's pipeline pinned to core 0 listens at the other, in a
// network namespace that ends with the program. It prints how fast the sender is when nobody listens, what becomes of
// frames that come that fast, and the highest rate at which none is lost; each once with the kernel's part of receiving
// on the sender's core, where a veth pair puts it, and once with all of receiving on the one core. Every frame is
// accounted for: what was sent was seen, or found no room in the ring, or none in the kernel's queue before it. The exit
// status is 1 if one is missing. It needs Linux, root and two cores that do nothing else.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// nested in the environment says that the process has a network namespace of its own.
const nested = "CAFEPROBE_BENCHLIVE"

func main() {
	length := flag.Duration("for", 30*time.Second, "how long a rate must hold")
	octets := flag.Int("octets", 64, "of a frame on the wire, its check sequence included: 64 to 1518")
	part := flag.String("part", "", "what the program does when it has started itself: send or receive")
	rate := flag.Float64("rate", 0, "of send: frames a second; 0: as fast as it goes")
	flag.Parse()
	if flag.NArg() > 0 || *octets < 64 || *octets > 1518 || *length <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	var err error
	switch {
	case *part == "send":
		err = send(*octets-checkSequence, *rate, *length)
	case *part == "receive":
		err = receive()
	case os.Getenv(nested) == "":
		os.Exit(nest())
	default:
		b := &bench{length: *length, octets: *octets}
		if b.program, err = os.Executable(); err == nil {
			err = b.run()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchlive:", err)
		os.Exit(1)
	}
}

// checkSequence is how many octets of a frame on the wire no program sees.
const checkSequence = 4

// nest runs the program in a network namespace of its own and returns its exit status.
func nest() int {
	runtime.LockOSThread() // the kernel kills the child when the thread that started it ends
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), nested+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return 1
	}
	fmt.Fprintf(os.Stderr, "benchlive: make a network namespace: %v (run it as root)\n", err)
	return 1
}

// ip runs ip(8).
func ip(args string) error {
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", args, err, out)
	}
	return nil
}
