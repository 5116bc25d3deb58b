// Package uplink holds what a box and its province say to each other: records and their kinds, the hash chain over them,
// the messages that carry them, and the topics. It is pure: no I/O, no clock, no goroutine, standard library only.
//
// The way of a fact:
//
//	Body --Encode--> Record --Chain--> Stored (spool) --Batch--> topic up/rec --> province
//	province --Receipt--> topic down/receipt --> the box may now delete
//
// Three rules make the chain checkable by anybody who has the octets:
//
//   - What is hashed is what is stored and sent: the raw octets of a record's JSON object. There is no canonical form and
//     nothing is ever re-encoded.
//   - A record carries only its kind, its facts, m, t and tq; the sequence number and the boot counter, which are hashed
//     too, follow from the batch. So the province recovers every hash from the batch alone.
//   - Every decoder refuses a document that two readers might read differently: a name twice in an object, a name that
//     is not lower-case ASCII, invalid UTF-8 (see ErrStrict). Unknown names are ignored, as are unknown kinds.
//
// Binary values (hashes, keys, signatures, ids) are base64url without padding (RFC 4648 §5). Times are milliseconds.
package uplink

// Version is the version of the messages, their field v and the second level of every topic. Within a version fields
// are only ever added.
const Version = 1

// Limits on what is accepted from the other side. They are part of version 1: a box sends nothing larger.
const (
	MaxBody    = 16 << 10  // octets of one record
	MaxMessage = 32 << 10  // octets of one MQTT payload
	MaxRecords = 64        // records in one batch
	MaxInt     = 1<<53 - 1 // largest sequence number, counter or time: what every JSON reader keeps exactly
)
