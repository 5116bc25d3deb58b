package vm

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
	"time"
)

// maxConsole is how much of what the console said is kept, in octets.
const maxConsole = 1 << 20

// Serial is a Machine's serial console.
type Serial struct {
	file *os.File

	mu   sync.Mutex
	said []byte
	gone int64         // octets that were said before, and are not kept
	from int           // where the next Expect looks on, in said
	more chan struct{} // closed when something was said, or nothing will be
	end  bool
}

func newSerial(f *os.File) *Serial {
	s := &Serial{file: f, more: make(chan struct{})}
	go s.listen()
	return s
}

func (s *Serial) listen() {
	b := make([]byte, 4096)
	for {
		n, err := s.file.Read(b)
		s.mu.Lock()
		s.said = append(s.said, b[:n]...)
		if over := len(s.said) - maxConsole; over > 0 {
			s.said = append(s.said[:0], s.said[over:]...)
			s.gone += int64(over)
			s.from = max(0, s.from-over)
		}
		s.end = s.end || err != nil
		close(s.more)
		s.more = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *Serial) closed() {
	s.file.Close()
}

// Write types b at the console.
func (s *Serial) Write(b []byte) (int, error) { return s.file.Write(b) }

// Port returns the console as a technician's program opens a serial port: it reads what is said from now on, and a Read that gets nothing
// within a tenth of a second returns that. Close leaves the console as it is.
func (s *Serial) Port() io.ReadWriteCloser {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &serialPort{s, s.gone + int64(len(s.said))}
}

type serialPort struct {
	*Serial
	at int64 // of all that was ever said
}

func (p *serialPort) Close() error { return nil }

func (p *serialPort) Read(b []byte) (int, error) {
	p.mu.Lock()
	more := p.more
	if p.gone+int64(len(p.said)) <= p.at && !p.end {
		p.mu.Unlock()
		select {
		case <-more:
		case <-time.After(100 * time.Millisecond):
		}
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	n := copy(b, p.said[max(0, p.at-p.gone):])
	p.at += int64(n)
	if n == 0 && p.end {
		return 0, io.EOF
	}
	return n, nil
}

// Tail returns the last 4 KiB that the console said.
func (s *Serial) Tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.said[max(0, len(s.said)-4096):])
}

// Said returns all that is kept of what the console said.
func (s *Serial) Said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.said)
}

// Expect waits until the console says what matches pattern, behind what an earlier call matched, and returns the match with its
// groups. The error of a machine that ended, or of ctx, has the console's last lines.
func (s *Serial) Expect(ctx context.Context, pattern string) ([]string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	for {
		s.mu.Lock()
		if at := re.FindSubmatchIndex(s.said[s.from:]); at != nil {
			var groups []string
			for i := 0; i < len(at); i += 2 {
				g := ""
				if at[i] >= 0 {
					g = string(s.said[s.from+at[i] : s.from+at[i+1]])
				}
				groups = append(groups, g)
			}
			s.from += at[1]
			s.mu.Unlock()
			return groups, nil
		}
		more, end := s.more, s.end
		s.mu.Unlock()
		if end {
			return nil, fmt.Errorf("console: %w: waiting for %q, behind:\n%s", io.ErrUnexpectedEOF, pattern, s.Tail())
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, fmt.Errorf("console: %w: waiting for %q, behind:\n%s", ctx.Err(), pattern, s.Tail())
		}
	}
}
