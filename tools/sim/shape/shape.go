// Package shape holds how the programs of a café talk: rates, sizes and rhythms of their conversations, and the names they
// ask for, as data. Each row says where its numbers come from; those of real captures are measured anew by the package's
// test, which prints what it finds:
//
//	go test -run Measured -v ./tools/sim/shape
//
// Numbers that no capture and no paper gives are called assumed, and vary more from room to room than the others.
package shape

import (
	"math"
	"math/rand/v2"
)

// Way is one direction of a conversation.
type Way struct {
	Rate float64 // frames a second
	Size float64 // octets a frame, mean, with Ethernet's header and without its check sequence
}

// Stream is a conversation that goes on by itself: a game's, a voice.
type Stream struct {
	ID       string
	TCP      bool
	Up, Down Way
	Vary     float64 // standard deviation of the logarithm of the factor by which a room's rates and sizes differ
	Source   string
}

// Range is a stretch of numbers of which one is drawn.
type Range struct{ From, To float64 }

// Draw returns a number of r, each as likely.
func (r Range) Draw(g *rand.Rand) float64 { return r.From + g.Float64()*(r.To-r.From) }

// DrawLog returns a number of r, each order of magnitude as likely. r.From is above 0.
func (r Range) DrawLog(g *rand.Rand) float64 {
	return r.From * math.Pow(r.To/r.From, g.Float64())
}

// Class is what a name is for, as far as it matters to whether a person is there.
type Class uint8

// The classes. From Check to Launcher are those of programs that run by themselves.
const (
	Site Class = iota
	Social
	Video
	Voice
	Game
	Check // connectivity checks
	Telemetry
	Update
	Launcher
)

// Alone reports whether programs ask for names of c when nobody is there.
func (c Class) Alone() bool { return c >= Check }

// String returns the class's word in the truth.
func (c Class) String() string {
	return [...]string{"browse", "chat", "video", "voice", "game", "check", "telemetry", "update", "launcher"}[c]
}

// Hello is how a conversation begins.
type Hello uint8

// The beginnings: hellos that say a name, and those by which a game is known.
const (
	Silent Hello = iota // with none
	TLS
	QUIC
	HTTP
	Discovery // which address a voice has: Discord's (docs.discord.com, voice connections)
	KCP       // the handshake of games of one publisher: measured, game-genshin_impact--ndpi.pcap
	ENet      // a connect of ENet's protocol, as FiveM has it
	Handshake // of Minecraft's Java edition over TCP (minecraft.wiki, protocol)
)
