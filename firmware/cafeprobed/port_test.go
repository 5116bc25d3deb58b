package main

import (
	"testing"

	"cafeprobe/capture/afpacket"
	"cafeprobe/firmware/config"
)

// TestRingSize: a configuration that does not say how large the ring is, and programs that open one, mean the same.
func TestRingSize(t *testing.T) {
	if config.Blocks != afpacket.Blocks || afpacket.BlockSize != 256<<10 {
		t.Errorf("%d blocks of 256 KiB by the configuration, %d of %d by the ring", config.Blocks, afpacket.Blocks, afpacket.BlockSize)
	}
}
