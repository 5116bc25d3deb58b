package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cafeprobe/firmware/update"
)

// Bounds of a transfer. The slowest line that an update is for has 64 kbit/s, 480 KB a minute.
const (
	answerTime = 60 * time.Second // to the first octet
	dripTime   = 60 * time.Second // in which as much as dripOctets has to come
	dripOctets = 4 << 10
)

// errSlow is the cause of a transfer's end when less comes than a line could.
var errSlow = errors.New("the server sends next to nothing")

// web is a folder behind HTTPS.
type web struct {
	url    string // ends in a slash
	client *http.Client
	drip   time.Duration
}

// newWeb returns the folder that o names. Its server is known by o's certificates, judged at floor where the machine's clock is behind
// that; what it serves is verified besides.
func newWeb(o update.Offer, floor time.Time) (*web, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(o.CA)) {
		return nil, update.Refuse(update.Malformed, "the offer has no certificate by which its server is known")
	}
	verify := &tls.Config{
		RootCAs: pool, ServerName: o.Name, MinVersion: tls.VersionTLS13,
		Time: func() time.Time { return update.Reference(time.Now(), floor) },
	}
	return &web{url: o.URL, drip: dripTime, client: &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: answerTime}).DialContext,
			TLSClientConfig:        verify,
			TLSHandshakeTimeout:    answerTime,
			ResponseHeaderTimeout:  answerTime,
			MaxResponseHeaderBytes: 16 << 10,
			DisableCompression:     true,
			DisableKeepAlives:      true, // few requests, minutes apart
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("sends elsewhere") },
	}}, nil
}

// get asks for a file from an octet on. Its body ends with an error that wraps errSlow when the server drips.
func (w *web) get(ctx context.Context, name string, from int64) (*http.Response, error) {
	ctx, stop := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+name, nil)
	if err != nil {
		stop(nil)
		return nil, err
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		stop(nil)
		return nil, fmt.Errorf("fetch %s: %w", name, err)
	}
	resp.Body = newWatched(ctx, resp.Body, w.drip, stop)
	if resp.StatusCode == http.StatusNotFound {
		resp.Body.Close()
		return nil, fmt.Errorf("fetch %s: %w", name, fs.ErrNotExist)
	}
	return resp, nil
}

// Metadata returns a small file.
func (w *web) Metadata(ctx context.Context, name string, limit int64) ([]byte, error) {
	resp, err := w.get(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: status %d", name, resp.StatusCode)
	}
	return all(name, resp.Body, limit)
}

// all reads a file that is to have at most limit octets.
func all(name string, r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(b)) > limit {
		return nil, update.Refuse(update.Endless, "%s has more than %d octets", name, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", name, err)
	}
	return b, nil
}

// open returns the octets of a file of length octets from an octet on: all that are left, and none behind them.
func (w *web) open(ctx context.Context, name string, from, length int64) (io.ReadCloser, error) {
	resp, err := w.get(ctx, name, from)
	if err != nil {
		return nil, err
	}
	total, err := total(resp, from)
	switch {
	case err != nil:
		err = fmt.Errorf("fetch %s from octet %d: %w", name, from, err)
	case total >= 0 && total < length:
		err = update.Refuse(update.Truncated, "%s has %d octets on the server, want %d", name, total, length)
	case total > length:
		err = update.Refuse(update.Endless, "%s has %d octets on the server, want %d", name, total, length)
	}
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp.Body, nil
}

// total returns how many octets the server says that the file has, -1 where it does not say.
func total(resp *http.Response, from int64) (int64, error) {
	switch resp.StatusCode {
	case http.StatusOK:
		if from > 0 {
			return 0, errors.New("the server takes no range requests")
		}
		return resp.ContentLength, nil
	case http.StatusPartialContent:
		rest, ok := strings.CutPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from))
		_, size, slash := strings.Cut(rest, "/")
		n, err := strconv.ParseInt(size, 10, 64)
		if size == "*" {
			n, err = -1, nil
		}
		if !ok || !slash || err != nil || n < -1 {
			return 0, fmt.Errorf("the server answers with range %.60q", resp.Header.Get("Content-Range"))
		}
		return n, nil
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, update.Refuse(update.Truncated, "the server has not so much")
	}
	return 0, fmt.Errorf("status %d", resp.StatusCode)
}

// watched is a body that has to bring something.
type watched struct {
	io.ReadCloser
	ctx   context.Context
	stop  context.CancelCauseFunc
	every time.Duration
	timer *time.Timer
	came  int
}

func newWatched(ctx context.Context, r io.ReadCloser, every time.Duration, stop context.CancelCauseFunc) *watched {
	return &watched{ReadCloser: r, ctx: ctx, stop: stop, every: every, timer: time.AfterFunc(every, func() { stop(errSlow) })}
}

// Read reads; whenever enough came the time begins anew.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	if w.came += n; w.came >= dripOctets {
		w.came = 0
		w.timer.Reset(w.every)
	}
	if err != nil && !errors.Is(err, io.EOF) && context.Cause(w.ctx) != nil {
		err = fmt.Errorf("%w (%w)", context.Cause(w.ctx), err)
	}
	return n, err
}

// Close ends the transfer.
func (w *watched) Close() error {
	w.timer.Stop()
	w.stop(nil)
	return w.ReadCloser.Close()
}
