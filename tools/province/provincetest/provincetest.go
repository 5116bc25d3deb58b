// Package provincetest runs a province in a test.
package provincetest

import (
	"context"
	"sync"
	"testing"

	"cafeprobe/tools/province"
)

// Run starts a province that ends with stop, or else with the test, which fails if it does not end in order.
func Run(t *testing.T, cfg province.Config) (p *province.Province, stop func()) {
	t.Helper()
	p, err := province.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return p, stop
}
