package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestProvince runs a province as an officer would, looks at its page, and ends it with what Ctrl-C ends it with.
func TestProvince(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, w := io.Pipe()
	c := serveCmd{Dir: t.TempDir() + "/new", MQTT: "127.0.0.1:0", Web: "127.0.0.1:0", Name: "ha-giang"}
	ended := make(chan error, 1)
	go func() {
		err := c.run(ctx, w)
		w.Close()
		ended <- err
	}()
	var said []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		said = append(said, lines.Text())
		if lines.Text() == "until Ctrl-C" {
			break
		}
	}
	if len(said) != 4 || !strings.HasPrefix(said[0], "page    http://") {
		t.Fatalf("it says %q, want page, boxes, key and how to end it, and no warning on loopback", said)
	}
	page, err := http.Get(strings.TrimPrefix(said[0], "page    "))
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	if page.StatusCode != http.StatusOK {
		t.Errorf("page: %s, want 200", page.Status)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v, want nil", err)
	}
}

func TestProvinceRefuses(t *testing.T) {
	f := func(c serveCmd, want string) {
		t.Helper()
		c.Dir, c.Web = t.TempDir(), "127.0.0.1:0"
		if err := c.run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error with %q", c, err, want)
		}
	}
	f(serveCmd{MQTT: "127.0.0.1:0", Name: "Hà Giang"}, "--name")
	f(serveCmd{MQTT: "1883", Name: "x"}, "--mqtt 1883")
	f(serveCmd{MQTT: "127.0.0.1:0", Name: "x", Broker: "localhost:8883"}, "--broker localhost:8883")
	f(serveCmd{MQTT: "127.0.0.1:0", Name: "x", Broker: "ssl://localhost"}, "--broker ssl://localhost")
}

func TestBeyondLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1883": false, "[::1]:1883": false, "localhost:1883": false, ":1883": true, "0.0.0.0:1883": true, "192.0.2.7:1883": true,
	} {
		if got, err := beyondLoopback(addr); err != nil || got != want {
			t.Errorf("%s: %v, want %v", addr, fmt.Sprint(got, err), want)
		}
	}
}
