// Command silent is a daemon that runs, and says nothing.
package main

import "time"

func main() {
	for {
		time.Sleep(time.Hour)
	}
}
