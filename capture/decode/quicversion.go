package decode

// quicVersion is what a version of QUIC has of its own as far as Initials go.
type quicVersion struct {
	salts   []string // from which Initial keys are derived; several where the version does not say which
	label   string   // prefix of the labels of keys
	initial byte     // long header type of an Initial
	retry   byte     // long header type of a Retry
	google  bool     // frames are those of gQUIC
}

// Salts of Initial keys: RFC 9001 §5.2, RFC 9369 §3.3.1, the drafts of the former (draft-ietf-quic-tls-22, -23, -29, -33)
// and of the latter (draft-ietf-quic-v2-01), and Chromium's net/third_party/quiche/src/quiche/quic/core/crypto for Q050,
// T050 and T051.
const (
	saltDraft22 = "\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a"
	saltDraft23 = "\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
	saltDraft29 = "\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
	saltV1      = "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
	saltV2Draft = "\xa7\x07\xc2\x03\xa5\x9b\x47\x18\x4a\x1d\x62\xca\x57\x04\x06\xea\x7a\xe3\xe5\xd3"
	saltV2      = "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"
	saltQ050    = "\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45"
	saltT050    = "\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10"
	saltT051    = "\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d"
)

// quicVersions are the versions with protected Initials. A reserved version, that asks the server for a list of those it
// has (RFC 9000 §15), does not say by which draft its Initial is made: the interoperability tests of 2020 used 29.
var quicVersions = [...]quicVersion{
	{salts: []string{saltDraft22}, label: "quic ", initial: 0, retry: 3},
	{salts: []string{saltDraft23}, label: "quic ", initial: 0, retry: 3},
	{salts: []string{saltDraft29}, label: "quic ", initial: 0, retry: 3},
	{salts: []string{saltV1}, label: "quic ", initial: 0, retry: 3},
	{salts: []string{saltV2Draft}, label: "quicv2 ", initial: 1, retry: 0},
	{salts: []string{saltV2}, label: "quicv2 ", initial: 1, retry: 0},
	{salts: []string{saltQ050}, label: "quic ", initial: 0, retry: 3, google: true},
	{salts: []string{saltT050}, label: "quic ", initial: 0, retry: 3, google: true},
	{salts: []string{saltT051}, label: "quic ", initial: 0, retry: 3, google: true},
	{salts: []string{saltDraft29, saltV1}, label: "quic ", initial: 0, retry: 3},
}

// Indices in quicVersions.
const (
	quicDraft22 = iota
	quicDraft23
	quicDraft29
	quicV1
	quicV2Draft
	quicV2
	quicQ050
	quicT050
	quicT051
	quicReserved
)

// quicVersionOf returns what the version field of a long header means, nil for a version that is not known.
func quicVersionOf(v uint32) *quicVersion {
	i := 0
	switch {
	case v == 0x00000001, v == 0xff000021, v == 0xff000022:
		i = quicV1 // and drafts 33 and 34
	case v == 0x6b3343cf:
		i = quicV2
	case v == 0x709a50c4:
		i = quicV2Draft
	case v >= 0xff00001d && v <= 0xff000020:
		i = quicDraft29 // and 30 to 32
	case v >= 0xff000017 && v <= 0xff00001c:
		i = quicDraft23 // and 24 to 28
	case v == 0xff000015, v == 0xff000016, v == 0xfaceb001:
		i = quicDraft22 // and 21; mvfst's first
	case v == 0xfaceb003, v == 0xfaceb004:
		i = quicV1 // mvfst's aliases of it
	case v>>8 == 0xfaceb0:
		i = quicDraft23 // mvfst since its draft 27
	case v == 0x51303530:
		i = quicQ050
	case v == 0x54303530:
		i = quicT050
	case v == 0x54303531:
		i = quicT051
	case v&0x0f0f0f0f == 0x0a0a0a0a:
		i = quicReserved
	default:
		return nil
	}
	return &quicVersions[i]
}
