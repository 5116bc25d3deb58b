package mqtt

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestPublishEndsWithTheConnection: a broker that says CONNACK, reads nothing more and is gone. Of several Publish one is
// in the middle of writing, the others wait for paho's writer, which never comes back.
func TestPublishEndsWithTheConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gone := make(chan struct{})
	go func() {
		c, err := l.Accept()
		if err != nil {
			return // Dial says more
		}
		_, _ = io.ReadAtLeast(c, make([]byte, 256), 2)
		_, _ = c.Write([]byte{0x20, 2, 0, 0})
		<-gone
		c.Close()
	}()
	c, err := Dial(t.Context(), Config{Broker: "tcp://" + l.Addr().String(), Client: "b-00000001"}, func(Message) {})
	if err != nil {
		t.Fatal(err)
	}
	const publishers = 8
	ended := make(chan error, publishers)
	for range publishers {
		go func() { ended <- c.Publish(t.Context(), Message{Topic: "a", Payload: make([]byte, 16<<20)}) }()
	}
	time.Sleep(100 * time.Millisecond) // more than the sockets hold is under way
	close(gone)
	for i := range publishers {
		select {
		case err := <-ended:
			if err == nil {
				t.Error("Publish to nobody returned no error")
			}
		case <-time.After(timeout / 3):
			t.Fatalf("%d of %d Publish returned %v after the connection ended, want all", i, publishers, timeout/3)
		}
	}
	if <-c.Done(); c.Err() == nil {
		t.Error("no reason is given for the end")
	}
	c.Close()
}
