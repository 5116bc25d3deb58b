// Package fdt reads and writes flattened device trees (Devicetree Specification 0.4 §5), which also are the form of U-Boot's
// images.
package fdt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// ErrInvalid is wrapped by Parse's errors.
var ErrInvalid = errors.New("fdt: not a valid device tree")

// Tokens and header, §5.2 and §5.4.
const (
	magic      = 0xd00dfeed
	version    = 17
	compatible = 16
	headerSize = 40
	beginNode  = 1
	endNode    = 2
	property   = 3
	nop        = 4
	end        = 9
)

// maxDepth bounds how deep nodes lie in one another; Linux' own trees have at most ten levels.
const maxDepth = 64

// Node is one node. The root's Name is empty.
type Node struct {
	Name  string
	Props []Prop
	Nodes []*Node
}

// Prop is one property; Value is as it stands in the tree: numbers big-endian, strings with a NUL behind each.
type Prop struct {
	Name  string
	Value []byte
}

// Prop returns the value of a property of n.
func (n *Node) Prop(name string) (value []byte, ok bool) {
	for _, p := range n.Props {
		if p.Name == name {
			return p.Value, true
		}
	}
	return nil, false
}

// Strings returns a property's strings; nil if n has no such property.
func (n *Node) Strings(name string) []string {
	v, ok := n.Prop(name)
	if !ok || len(v) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(v), "\x00"), "\x00")
}

// Node returns the node at path, as "images/kernel", or nil. Each part of path is a name with or without its unit address.
func (n *Node) Node(path string) *Node {
	first, rest, more := strings.Cut(path, "/")
	for _, c := range n.Nodes {
		if base, _, _ := strings.Cut(c.Name, "@"); c.Name == first || base == first {
			if !more {
				return c
			}
			if d := c.Node(rest); d != nil {
				return d
			}
		}
	}
	return nil
}

// Walk calls f for n and all below it, with the path of each.
func (n *Node) Walk(f func(path string, n *Node)) { n.walk("", f) }

func (n *Node) walk(path string, f func(string, *Node)) {
	f(path+"/"+n.Name, n)
	if n.Name != "" {
		path += "/" + n.Name
	}
	for _, c := range n.Nodes {
		c.walk(path, f)
	}
}

// String makes a property of strings.
func String(name string, values ...string) Prop {
	return Prop{name, []byte(strings.Join(values, "\x00") + "\x00")}
}

// Cells makes a property of numbers.
func Cells(name string, values ...uint32) Prop {
	var b []byte
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return Prop{name, b}
}

// Marshal returns the tree whose root is n. Each value of eight octets or more begins at a multiple of eight, since U-Boot uses
// device trees and kernels where they lie in an image.
func Marshal(n *Node) []byte {
	w := writer{offset: map[string]uint32{}}
	// The header and one empty memory reservation stand before the structure: 56 octets, a multiple of eight.
	const before = headerSize + 16
	w.node(n)
	w.u32(end)
	b := make([]byte, before, before+len(w.structure)+len(w.names))
	for i, v := range []uint32{
		magic, uint32(before + len(w.structure) + len(w.names)), before, uint32(before + len(w.structure)), headerSize, version,
		compatible, 0, uint32(len(w.names)), uint32(len(w.structure)),
	} {
		binary.BigEndian.PutUint32(b[4*i:], v)
	}
	return append(append(b, w.structure...), w.names...)
}

type writer struct {
	structure, names []byte
	offset           map[string]uint32
}

func (w *writer) u32(v uint32) { w.structure = binary.BigEndian.AppendUint32(w.structure, v) }

func (w *writer) pad() { w.structure = append(w.structure, make([]byte, -len(w.structure)&3)...) }

func (w *writer) node(n *Node) {
	w.u32(beginNode)
	w.structure = append(w.structure, n.Name+"\x00"...)
	w.pad()
	for _, p := range n.Props {
		at, ok := w.offset[p.Name]
		if !ok {
			at = uint32(len(w.names))
			w.offset[p.Name] = at
			w.names = append(w.names, p.Name+"\x00"...)
		}
		if len(p.Value) >= 8 && (len(w.structure)+12)%8 != 0 {
			w.u32(nop)
		}
		w.u32(property)
		w.u32(uint32(len(p.Value)))
		w.u32(at)
		w.structure = append(w.structure, p.Value...)
		w.pad()
	}
	for _, c := range n.Nodes {
		w.node(c)
	}
	w.u32(endNode)
}

// Parse reads a tree; octets behind it are ignored. Values borrow b. Errors wrap ErrInvalid.
func Parse(b []byte) (*Node, error) {
	if len(b) < headerSize || binary.BigEndian.Uint32(b) != magic {
		return nil, fmt.Errorf("%w: no header", ErrInvalid)
	}
	head := func(i int) uint64 { return uint64(binary.BigEndian.Uint32(b[4*i:])) }
	if head(1) > uint64(len(b)) {
		return nil, fmt.Errorf("%w: %d octets of %d", ErrInvalid, len(b), head(1))
	}
	if head(6) > version || head(5) < version {
		return nil, fmt.Errorf("%w: version %d", ErrInvalid, head(5))
	}
	total := b[:head(1)]
	part := func(at, size uint64) []byte {
		if at > uint64(len(total)) || size > uint64(len(total))-at {
			return nil
		}
		return total[at : at+size]
	}
	r := reader{structure: part(head(2), head(9)), names: part(head(3), head(8))}
	if t := r.token(); t != beginNode {
		return nil, fmt.Errorf("%w: no root", ErrInvalid)
	}
	root := r.node(0)
	if r.err != nil {
		return nil, r.err
	}
	if r.token() != end {
		return nil, fmt.Errorf("%w: no end", ErrInvalid)
	}
	return root, nil
}

// Reserve returns the tree with one more piece of memory that the system is not to use (§5.3), size octets at address.
func Reserve(tree []byte, address, size uint64) ([]byte, error) {
	if _, err := Parse(tree); err != nil {
		return nil, err
	}
	const entry = 16
	number := func(i int) uint32 { return binary.BigEndian.Uint32(tree[4*i:]) }
	total, at := number(1), number(4)
	if at < headerSize || at > total || total > 1<<30 {
		return nil, fmt.Errorf("%w: reservations at %d of %d", ErrInvalid, at, total)
	}
	b := append([]byte(nil), tree[:at]...)
	b = binary.BigEndian.AppendUint64(b, address)
	b = binary.BigEndian.AppendUint64(b, size)
	b = append(b, tree[at:total]...)
	binary.BigEndian.PutUint32(b[4:], total+entry)
	for _, i := range []int{2, 3} { // where structure and names are
		if number(i) >= at {
			binary.BigEndian.PutUint32(b[4*i:], number(i)+entry)
		}
	}
	return b, nil
}

type reader struct {
	structure, names []byte
	err              error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrInvalid, what)
	}
	r.structure = nil
}

// take returns n octets and skips what fills them up to four.
func (r *reader) take(n uint64) []byte {
	if full := (n + 3) &^ 3; full <= uint64(len(r.structure)) {
		b := r.structure[:n:n]
		r.structure = r.structure[full:]
		return b
	}
	r.fail("cut short")
	return nil
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// token returns the next one that is not a nop; 0 at an error.
func (r *reader) token() uint32 {
	for {
		if t := r.u32(); t != nop || r.err != nil {
			return t
		}
	}
}

func (r *reader) node(depth int) *Node {
	if depth > maxDepth {
		r.fail("too deep")
		return nil
	}
	i := bytes.IndexByte(r.structure, 0)
	if i < 0 {
		r.fail("a name without an end")
		return nil
	}
	n := &Node{Name: string(r.take(uint64(i) + 1)[:i])}
	for r.err == nil {
		switch r.token() {
		case property:
			size, at := r.u32(), r.u32()
			v := r.take(uint64(size))
			if r.err == nil {
				n.Props = append(n.Props, Prop{r.name(at), v})
			}
		case beginNode:
			n.Nodes = append(n.Nodes, r.node(depth+1))
		case endNode:
			return n
		default:
			r.fail("an unknown token")
		}
	}
	return n
}

func (r *reader) name(at uint32) string {
	if uint64(at) < uint64(len(r.names)) {
		if i := bytes.IndexByte(r.names[at:], 0); i >= 0 {
			return string(r.names[at : int(at)+i])
		}
	}
	r.fail("a property without a name")
	return ""
}
