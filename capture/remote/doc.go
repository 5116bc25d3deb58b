// Package remote is a Source of mirrors that a router or a switch sends to the box over the uplink port, for cafés where
// nothing can be plugged into a mirror port: TZSP (MikroTik), ERSPAN I, II and III, Ethernet in GRE (Linux' gretap) and
// VXLAN. One Frame comes out for each mirrored frame, as if it had been captured where it was mirrored.
//
// It listens on ordinary sockets, so the kernel puts fragments together and drops what has a wrong UDP checksum; GRE needs a
// raw socket, which takes CAP_NET_RAW at Open and never again. It never answers; those of UDP are shut
// down for sending. But where no socket listens the kernel itself says so, with ICMP port or protocol unreachable, to whoever
// sends a mirror before Open or after Close.
//
// Whom to believe is a list of addresses. That keeps out mistakes and the idle, not one who forges the address of a router:
// mirrors have no proof of where they come from. Let the network between, or a firewall, see to that.
//
// # Loss
//
// What found no room in a socket is counted by the kernel (SO_MEMINFO, which also tells what was lost at the very end;
// SO_RXQ_OVFL would only with the next datagram). What got lost on the way is counted where frames are numbered, by sender
// and session:
//
//	ERSPAN II, III   GRE's sequence number
//	gretap           the same, where the sender is told to (ip link: seq)
//	TZSP             tag 40, which RouterOS does not send
//	ERSPAN I, VXLAN  nothing: loss cannot be seen, and Sender.Numbered says so
//
// Late frames are taken back from what was lost, numbers may wrap, and one that comes twice is handed out twice, counted, and
// hides no loss. A sender whose numbers jump far begins anew.
//
// # Time
//
// A frame's time is when the kernel of the box received it (SO_TIMESTAMPNS), moved to the caller's scale. ERSPAN III has
// timestamps of its own, in steps of 100 µs, 100 ns or as of IEEE 1588, since a moment that only the switch knows, and with
// 32 bits that wrap within days or seconds. They are not used: what they could better is the network's jitter, and the café's
// questions are of seconds.
//
// # Length
//
// ERSPAN may say that it cut a frame short (T), and not what it had: the length is then what the frame's own IP header
// claims, else a whole Ethernet frame's. A datagram of more than 16 KiB is kept as far as that.
package remote
