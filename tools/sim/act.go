package sim

import (
	"net/netip"

	"cafeprobe/capture"
	"cafeprobe/tools/sim/shape"
)

// Act is one thing on the wire: a message that is said, or a stretch of a talk between two ends.
//
// The frames of a talk lie evenly in its stretch: of n in one direction, frame k at At + For·(2k+1)/2n. Both renderings go
// by that. The first three of a TCP connection and the answers to them come within 50 ms of its start, in their order.
type Act struct {
	At  int64 // nanoseconds since the Unix epoch
	For int64 // nanoseconds; 0 for a message
	Say Say
	Who int32 // who begins, in Room.Stations: the sender of a message, the client of a talk
	To  int32 // the other end in the room: of a talk with the internet the router; ToAll for a group

	// Addr is the other end's address, or what a message asks for.
	Addr netip.Addr
	// Name is what is asked for: in a question, a hello, a query on the LAN.
	Name string

	TCP            bool
	Opens          bool        // the stretch begins the connection, with Hello
	Ends           bool        // it ends it
	Hello          shape.Hello // of a stretch that opens
	Class          shape.Class
	Title          *shape.Title // the game that is being played in it, nil for none
	Port, PeerPort uint16
	Up, Down       capture.Count
}

// ToAll is To of what goes to a group or to everybody.
const ToAll = -1

// Say is what kind of message an act is.
type Say uint8

// The messages. Those before sayGroups go to one station; NTP and DNS are a question and its answer.
const (
	Talk Say = iota
	DNS
	NTP
	ARPAsk // unicast: whether a neighbour is still there
	ARPAnswer
	DHCPOffer
	DHCPAck
	DHCPRenew
	DHCPRelease
	ProxyOffer // the boot server's
	TFTPRead
	TFTPData

	ARPWho // to all
	ARPProbe
	ARPAnnounce
	PXEDiscover
	PXERequest
	IPXEDiscover
	IPXERequest
	DHCPDiscover
	DHCPRequest
	DHCPReboot // REQUEST in state INIT-REBOOT
	DHCPInform
	RouterSolicit
	RouterAdvert
	DAD
	MLD
	IGMP
	IGMPQuery
	NBNSRegister
	NBNSRelease
	NBNSQuery
	BrowserHost
	LLMNRQuery
	MDNSQuery
	MDNSAnnounce
	MDNSGoodbye
	SSDPSearch
	SSDPNotify
	SteamStatus
	SteamPlaying
	SteamLocked
	SteamOffline
	Wake // To is whom it wakes; the frame goes to all
)

// Group reports whether the message goes to a group or to everybody, so that a plain port hears it.
func (s Say) Group() bool { return s >= ARPWho }

// Starts reports whether a station says s when it starts.
func (s Say) Starts() bool { return s >= PXEDiscover && s <= DHCPReboot }

// Running reports whether only a running computer says s of itself.
func (s Say) Running() bool {
	switch s {
	case NTP, ARPAsk, ARPWho, ARPProbe, ARPAnnounce, RouterSolicit, DAD, MLD, IGMP:
		return true
	}
	return false
}

// Leaves reports whether s is a farewell.
func (s Say) Leaves() bool {
	return s == DHCPRelease || s == NBNSRelease || s == MDNSGoodbye || s == SteamOffline
}

// Sees reports whether the box can see a: by the room's vantage, what is wrong with it, and where the stations are.
func (r *Room) Sees(a *Act) bool {
	group := a.To == ToAll || a.Say.Group()
	sight := r.Truth.SightOf(int(a.Who), a.At)
	if !group {
		if to := r.Truth.SightOf(int(a.To), a.At); to != SeesAll {
			sight = to
		}
	}
	switch {
	case sight == SeesNothing:
		return false
	case group:
		return true
	case sight == SeesBroadcasts:
		return false
	}
	if int(a.Who) == r.router || int(a.To) == r.router {
		return true
	}
	return r.Options.Vantage == VantageAPlus && (int(a.Who) == r.server || int(a.To) == r.server)
}
