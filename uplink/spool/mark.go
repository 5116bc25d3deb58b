package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

// Marks say how far the chain was written. A card that lies about flushing may bring back an older page here and there
// after a power cut, and with bbolt's older meta page a file that looks whole but ends too early. Every commit rewrites
// the root page, a third of it in use: filled with marks, it costs no octet more, and each of its sectors that did get to
// the card tells that the file once went further.
//
// A mark is markMagic, the sequence number big-endian, and the CRC-32 of both.
const (
	markMagic = "cafehead"
	markSize  = len(markMagic) + 8 + 4
	markValue = 900 // octets a bucket: with its headers below bbolt's limit for buckets inside a page, a quarter of it
)

var (
	bucketMarks = [][]byte{[]byte("mark0"), []byte("mark1"), []byte("mark2")}
	keyMark     = []byte("m")
)

func createMarks(tx *bolt.Tx) error {
	for _, name := range bucketMarks {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return putMarks(tx, 0)
}

func putMarks(tx *bolt.Tx, seq uint64) error {
	m := append([]byte(markMagic), putKey(seq)...)
	m = binary.BigEndian.AppendUint32(m, crc32.ChecksumIEEE(m))
	v := bytes.Repeat(m, markValue/markSize)
	for _, name := range bucketMarks {
		if err := tx.Bucket(name).Put(keyMark, v); err != nil {
			return err
		}
	}
	return nil
}

// marked returns the largest sequence number up to limit that a mark in b tells of.
func marked(b []byte, limit uint64) (seq uint64) {
	for {
		i := bytes.Index(b, []byte(markMagic))
		if i < 0 || i+markSize > len(b) {
			return seq
		}
		m := b[i : i+markSize]
		if n := binary.BigEndian.Uint64(m[8:]); n <= limit && crc32.ChecksumIEEE(m[:16]) == binary.BigEndian.Uint32(m[16:]) {
			seq = max(seq, n)
		}
		b = b[i+1:]
	}
}
