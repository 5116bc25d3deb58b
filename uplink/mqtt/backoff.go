package mqtt

import (
	"math/rand/v2"
	"time"
)

// Backoff returns how long to wait after the fails-th failure in a row, 0 for the first: a random share of first, so that
// clients which lost one broker do not come back as one, and later of up to five times that.
func Backoff(first time.Duration, fails int) time.Duration {
	return backoff(first, fails, rand.Float64())
}

func backoff(first time.Duration, fails int, random float64) time.Duration {
	return time.Duration(random * float64(first) * float64(min(fails+1, 5)))
}
