package spool

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	CheckMain()
	if dir := os.Getenv(loadEnv); dir != "" {
		if err := load(dir, os.Getenv(loadEnv+"_SEED")); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
