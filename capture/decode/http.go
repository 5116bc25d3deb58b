package decode

import (
	"bytes"

	"cafeprobe/capture"
)

// httpMethods are the methods with which a request may start: those of RFC 9110 and IANA's registry (WebDAV and its
// kin, RFC 4918, 3253, 3648, 3744, 4437, 4791, 5323, 5842), UPnP, caches, and what Exchange and Windows' own services use.
var httpMethods = [...]string{
	"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ", "PATCH ", "QUERY ", "PURGE ",
	"PROPFIND ", "PROPPATCH ", "MKCOL ", "COPY ", "MOVE ", "LOCK ", "UNLOCK ", "REPORT ", "SEARCH ", "ACL ",
	"BASELINE-CONTROL ", "CHECKIN ", "CHECKOUT ", "UNCHECKOUT ", "LABEL ", "MERGE ", "MKACTIVITY ", "MKWORKSPACE ",
	"UPDATE ", "VERSION-CONTROL ", "BIND ", "REBIND ", "UNBIND ", "LINK ", "UNLINK ", "ORDERPATCH ",
	"MKCALENDAR ", "MKREDIRECTREF ", "UPDATEREDIRECTREF ", "POLL ", "INVOKE ",
	"BCOPY ", "BDELETE ", "BMOVE ", "BPROPFIND ", "BPROPPATCH ", "X-MS-ENUMATTS ",
	"NOTIFY ", "SUBSCRIBE ", "UNSUBSCRIBE ", "M-SEARCH ", "M-POST ",
	"BITS_POST ", "CCM_POST ", "RPC_CONNECT ", "RPC_IN_DATA ", "RPC_OUT_DATA ", "SSTP_DUPLEX_POST ",
}

// httpStarts reports whether b starts with a method, or with the beginning of one.
func httpStarts(_, _ uint16, b []byte) bool {
	b = b[emptyLines(b):]
	if len(b) == 0 || b[0] < 'A' || b[0] > 'X' {
		return false
	}
	for _, m := range &httpMethods {
		if m[0] == b[0] && string(b[:min(len(b), len(m))]) == m[:min(len(b), len(m))] {
			return true
		}
	}
	return false
}

// emptyLines returns how many octets of empty lines b starts with. Old clients end the body of a POST with one that
// nobody counts, and servers overlook it in front of a request (RFC 9112 §2.2).
func emptyLines(b []byte) int {
	const most = 4
	n := 0
	for n+2 <= len(b) && n < most && b[n] == '\r' && b[n+1] == '\n' {
		n += 2
	}
	return n
}

// httpRead reads the requests that b starts with (RFC 9112): Host and User-Agent of each. Requests may be pipelined, also
// behind a body whose length is given; behind any other body the next request is found by the segment it starts.
func httpRead(d *Decoder, p *Packet, b []byte) (n int, more bool) {
	for {
		n += emptyLines(b[n:])
		head, whole := httpHead(b[n:])
		if !httpLooksRight(head, whole) {
			return n, false
		}
		cut := len(p.Payload) < p.PayloadLen
		if !whole && !cut {
			return n, true
		}
		body := httpRequest(d, head, cut && !whole)
		n += len(head)
		if body > len(b)-n {
			return n, false
		}
		n += body
		if string(b[n+emptyLines(b[n:]):]) == "\r" { // the rest of an empty line is still to come
			return n, true
		}
		if n == len(b) || !httpStarts(p.SrcPort, p.DstPort, b[n:]) {
			return n, false
		}
	}
}

// httpHead returns the request up to and with the empty line that ends its head, or all of b when that has not come.
func httpHead(b []byte) (head []byte, whole bool) {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return b, false
		}
		at += i + 1
		if at < len(b) && b[at] == '\n' {
			return b[:at+1], true
		}
		if at+1 < len(b) && b[at] == '\r' && b[at+1] == '\n' {
			return b[:at+2], true
		}
	}
}

// httpLooksRight reports whether the first line of head is a request line of HTTP/1, or what has come of it can become
// one.
func httpLooksRight(head []byte, whole bool) bool {
	line, _, ended := bytes.Cut(head, []byte("\n"))
	if !ended {
		return !whole && isText(line)
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	i := bytes.LastIndexByte(line, ' ')
	version := line[i+1:]
	return i > 0 && isText(line) && len(version) == len("HTTP/1.1") && string(version[:len("HTTP/1.")]) == "HTTP/1."
}

// isText reports whether b has no control character: a request line in progress has none (a carriage return may end it).
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\r' && c != '\t' {
			return false
		}
	}
	return true
}

// httpRequest says what the head of a request tells, and returns the length of the body that it announces. cut is true
// when the frame was captured short within the head: a field that this cuts is taken as far as it goes, as the rest is in
// no frame.
func httpRequest(d *Decoder, head []byte, cut bool) (body int) {
	line, rest, _ := bytes.Cut(head, []byte("\n"))
	var host, agent []byte
	for len(rest) > 0 {
		var name, value []byte
		name, value, rest = httpField(rest)
		value = unfold(value)
		switch {
		case httpIs(name, "host") && host == nil:
			host = value
		case httpIs(name, "user-agent") && agent == nil:
			agent = value
		case httpIs(name, "content-length"):
			body = decimal(value)
		case httpIs(name, "transfer-encoding"):
			body = 0
		}
	}
	if len(host) == 0 && !cut {
		host = targetHost(line)
	}
	if len(host) > 0 {
		d.emitServer(capture.OriginHTTP, text(host))
	}
	if len(agent) > 0 {
		d.emit(capture.Observation{
			Kind: capture.KindAgent, Origin: capture.OriginHTTP, Proto: d.p.Proto,
			Peer: d.p.DstAddr, PeerPort: d.p.DstPort, Name: text(agent),
		})
	}
	return body
}

// httpField takes one field line off b, with the lines that continue it (obs-fold, RFC 9112 §5.2).
func httpField(b []byte) (name, value, rest []byte) {
	end := 0
	for end < len(b) {
		i := bytes.IndexByte(b[end:], '\n')
		if i < 0 {
			end = len(b)
			break
		}
		end += i + 1
		if end == len(b) || b[end] != ' ' && b[end] != '\t' {
			break
		}
	}
	name, value, _ = bytes.Cut(b[:end], []byte(":"))
	return name, value, b[end:]
}

// unfold returns value without the white space around it, and with a space for each line end in it.
func unfold(value []byte) []byte {
	value = bytes.Trim(value, " \t\r\n")
	if bytes.IndexByte(value, '\n') < 0 {
		return value
	}
	return bytes.Join(bytes.Fields(value), []byte(" "))
}

// httpIs reports whether name is lower, a word in lower case, in any case.
func httpIs(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := range name {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// decimal returns b as a number, 0 if it is none or has more than nine digits.
func decimal(b []byte) int {
	if len(b) > 9 {
		return 0
	}
	v := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0
		}
		v = v*10 + int(c-'0')
	}
	return v
}

// targetHost returns the authority in the target of a request line: CONNECT's (authority-form) or that of an absolute
// URI (RFC 9112 §3.2). Only requests without a Host field need it.
func targetHost(line []byte) []byte {
	method, target, _ := bytes.Cut(line, []byte(" "))
	target, _, _ = bytes.Cut(target, []byte(" "))
	if string(method) == "CONNECT" {
		return target
	}
	_, after, absolute := bytes.Cut(target, []byte("://"))
	if !absolute || target[0] == '/' {
		return nil
	}
	if i := bytes.IndexAny(after, "/?#"); i >= 0 {
		after = after[:i]
	}
	return after[bytes.LastIndexByte(after, '@')+1:]
}
