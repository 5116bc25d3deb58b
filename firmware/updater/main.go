// Command updater is the child that PID 1 starts for an update, as a user without any right: see firmware/update/fetch. It is a program
// of its own so that neither PID 1 nor the daemon holds what reads metadata.
package main

import (
	"os"

	"cafeprobe/firmware/update/fetch"
)

func main() { os.Exit(fetch.Main()) }
