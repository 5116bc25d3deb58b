// Package cafe embeds the project's own capture: an evening in a small café, recorded by tools/lab from real programs in
// network namespaces. All names and addresses in it are the lab's own. It imports nothing, so that a program can carry the
// capture without what tests need.
//
// `make lab` records it anew into out/lab; both files go here together, for one tells of the other.
package cafe

import _ "embed"

// File is the capture's name in Truth.
const File = "cafe.pcapng.gz"

// Capture is the capture: pcapng, gzipped.
//
//go:embed cafe.pcapng.gz
var Capture []byte

// Truth says what there was to see, in the columns of the shared captures' truth.tsv: from the lab's timetable and from
// what its servers wrote down, not from the capture.
//
//go:embed cafe.truth.tsv
var Truth string
