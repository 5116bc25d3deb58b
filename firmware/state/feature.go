package state

import "strconv"

// feature is something that a minute shows, cut into buckets. Given the phase, features are taken to be independent.
type feature uint8

const (
	sent feature = iota // bucket 0 is silence, in which nothing else can show
	bootSign
	cpuSign
	farewellSign
	gameSign
	lockedSign
	playTime
	newNames
	userVolume
	backVolume
	ownTitle
	chatVolume
	features

	// What is no feature of a minute, but has rows in params.tsv.
	silence
	start
	dwell
	next
	temperature
	ceiling
	robust
	forget
	confidence
	kinds
)

var featureNames = [kinds]string{
	sent: "sent", bootSign: "boot", cpuSign: "cpu", farewellSign: "farewell", gameSign: "game", lockedSign: "locked",
	playTime: "play", newNames: "names", userVolume: "user", backVolume: "back", ownTitle: "title", chatVolume: "chat",
	silence: "silence", start: "start", dwell: "dwell", next: "next", temperature: "temperature", ceiling: "ceiling",
	robust: "robust", forget: "forget", confidence: "confidence",
}

// bounds are the lower ends of the buckets behind the first, which is 0. A feature without bounds is a sign, yes or no.
// They grow by fours, as volumes and rates are log-normal.
var bounds = [features][]uint32{
	sent:       {1, 4, 16, 64, 256, 1024, 4096},
	playTime:   {1, 6, 21, 51},
	newNames:   {1, 2, 4, 8},
	userVolume: {1, 16, 64, 256, 1024, 4096, 16384, 65536},
	backVolume: {1, 64, 1024, 16384, 262144},
	chatVolume: {1, 1024, 2048, 4096, 16384},
}

const maxBuckets = 9

func isSign(f feature) bool { return bounds[f] == nil }

// buckets returns how many buckets f has.
func buckets(f feature) int {
	if isSign(f) {
		return 2
	}
	return len(bounds[f]) + 1
}

// bucketName returns the word for bucket b of f: the values it holds.
func bucketName(f feature, b int) string {
	switch end := bounds[f]; {
	case isSign(f):
		return [...]string{"no", "yes"}[b]
	case b == 0:
		return "0"
	case b == len(end):
		return strconv.Itoa(int(end[b-1])) + "-"
	case end[b-1] == end[b]-1:
		return strconv.Itoa(int(end[b-1]))
	default:
		return strconv.Itoa(int(end[b-1])) + "-" + strconv.Itoa(int(end[b]-1))
	}
}

func bucketOf(f feature, value uint32) (b int) {
	for _, end := range bounds[f] {
		if value < end {
			break
		}
		b++
	}
	return b
}

func (s Signs) bucket(want Signs) int {
	if s&want != 0 {
		return 1
	}
	return 0
}

// heard reports whether the station showed anything of its own.
func (m *Minute) heard() bool {
	return m.Sent > 0 || m.Signs != 0 || m.Play > 0 || m.Names > 0
}

// bucketsOf returns the bucket of each feature in m, which was heard.
func (m *Minute) bucketsOf() [features]uint8 {
	title := 0
	if m.Title != 0 {
		title = 1
	}
	return [features]uint8{
		sent:         uint8(max(1, bucketOf(sent, m.Sent))),
		bootSign:     uint8(m.Signs.bucket(Boot)),
		cpuSign:      uint8(m.Signs.bucket(CPU)),
		farewellSign: uint8(m.Signs.bucket(Farewell)),
		gameSign:     uint8(m.Signs.bucket(GameRunning)),
		lockedSign:   uint8(m.Signs.bucket(ScreenLocked)),
		playTime:     uint8(bucketOf(playTime, uint32(m.Play))),
		newNames:     uint8(bucketOf(newNames, uint32(m.Names))),
		userVolume:   uint8(bucketOf(userVolume, m.User)),
		backVolume:   uint8(bucketOf(backVolume, m.Back)),
		ownTitle:     uint8(title),
		chatVolume:   uint8(bucketOf(chatVolume, m.Chat)),
	}
}
