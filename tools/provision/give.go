package provision

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"cafeprobe/firmware/console"
	"cafeprobe/firmware/health"
	"cafeprobe/firmware/init/commission"
	"cafeprobe/firmware/init/provision"
	"cafeprobe/tools/lang"
	"cafeprobe/tools/port"
)

// Config says what a box is given, and how.
type Config struct {
	Open  func() (io.ReadWriteCloser, error) // the line to the box; again after it was unplugged
	Files []provision.File
	Box   string // the box's id; one that has another name is left alone
	Other bool   // unless it is to become another box: its keys and chain are put away on it

	By          string           // this laptop
	Certificate *tls.Certificate // the technician's, for a box that is in use; nil for none
	Answer      time.Duration    // how long to wait for an answer, four times at most; default 3 s
	Silence     time.Duration    // of the line, before a box is asked that has not answered yet; default port.Silence
	Pause       time.Duration    // between tries; default 1 s
	Patience    time.Duration    // for a box that starts, a cable that was pulled out, a button to be held; default 3 min
	Receipt     time.Duration    // for the province to say that it holds a record; 0: do not wait for it

	Tell func(Step) // is called as it goes on; nil for nobody

	// Label takes what the box's label says, once it has its keys. A box that tells it to nobody just now is told of by Step.Err, and is no
	// error: it has its files. nil: no label is asked for.
	Label func(commission.Label) error
}

// Stage is how far it is.
type Stage int

// The stages, in their order; a cable that is pulled out leads back.
const (
	Looking   Stage = iota // for the box; Step.Err says why it does not answer
	Waiting                // for a box that starts, or for its button; Step.Err
	Giving                 // Step.Done of Step.Total octets
	Given                  // the box has put all in place
	Named                  // it has its keys: Step.Hello
	Labelled               // Label was called, or Step.Err says why not
	Reporting              // Step.Health says how it gets on
	Received               // the province holds a record of it
)

// Step is what Tell is told.
type Step struct {
	Stage       Stage
	Hello       commission.Hello
	Done, Total int
	Health      *health.Report
	Err         error
}

// piece is how many octets travel in a line: with a third more for base64, and the rest, less than console.MaxLine.
const piece = 2400

// ErrBox is wrapped by Give's error for a box that is another one than meant.
var ErrBox = errors.New("another box")

type giver struct {
	Config
	talk port.Talk
	at   string // the session
	why  error  // the last refusal that passes and says what to do
}

// Give gives a box its files, and waits until it has its keys and, if wanted, until the province holds a record of it. What the box said
// of itself last is also returned with an error.
func Give(ctx context.Context, cfg Config) (commission.Hello, error) {
	cfg.Pause = cmp.Or(cfg.Pause, time.Second)
	cfg.Patience = cmp.Or(cfg.Patience, 3*time.Minute)
	if cfg.Tell == nil {
		cfg.Tell = func(Step) {}
	}
	g := &giver{Config: cfg, talk: port.Talk{Open: cfg.Open, Answer: cfg.Answer, Silence: cfg.Silence}}
	defer g.talk.Close()
	var h commission.Hello
	if err := g.until(ctx, cfg.Patience, func() error { return g.give(ctx) }); err != nil {
		return h, err
	}
	g.Tell(Step{Stage: Given})
	err := g.until(ctx, cfg.Patience, func() (err error) {
		if h, err = g.hello(ctx); err == nil && len(h.Key) == 0 {
			err = again{errors.New("the box has not made its keys yet")}
		}
		return err
	})
	if err != nil {
		return h, err
	}
	g.Tell(Step{Stage: Named, Hello: h})
	if cfg.Label != nil {
		if err := g.until(ctx, cfg.Patience, func() error { return g.label(ctx, h) }); err != nil {
			return h, err
		}
	}
	if cfg.Receipt == 0 {
		return h, nil
	}
	return h, g.until(ctx, cfg.Receipt, func() error { return g.reached(ctx) })
}

// again is an error after which it may go on.
type again struct{ error }

func (a again) Unwrap() error { return a.error }

// until does step until it succeeds, fails for good, or patience is over.
func (g *giver) until(ctx context.Context, patience time.Duration, step func() error) error {
	for began := time.Now(); ; {
		err := step()
		var a again
		if !errors.As(err, &a) {
			return err
		}
		if time.Since(began) > patience {
			return a.error
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(g.Pause):
		}
	}
}

// ask asks the box. What a line's end or silence does to it can be gone on after.
func (g *giver) ask(ctx context.Context, verb string, body, answer any) error {
	raw, err := g.talk.Ask(ctx, verb, body)
	switch {
	case err == nil:
		if err := json.Unmarshal(raw, answer); err != nil {
			return fmt.Errorf("the box's answer to %s: %w", verb, err)
		}
		return nil
	case errors.Is(err, console.ErrRefused), ctx.Err() != nil:
		return err
	}
	g.Tell(Step{Stage: Looking, Err: err})
	return again{err}
}

func (g *giver) hello(ctx context.Context) (h commission.Hello, err error) {
	if err = g.ask(ctx, "hello", struct{}{}, &h); err != nil {
		return h, err
	}
	switch {
	case h.Version != commission.Version:
		return h, &lang.Fault{
			What: lang.Text{VI: "thiết bị nói phiên bản %d, máy này %d", EN: "the box speaks version %d, this program %d"},
			Args: []any{h.Version, commission.Version}, Do: lang.Text{VI: "dùng cafeprobe cùng bản phát hành", EN: "use the cafeprobe of its release"},
		}
	case h.Box != "" && g.Box != "" && h.Box != g.Box && !g.Other:
		return h, &lang.Fault{
			What: lang.Text{VI: "cáp đang nối với thiết bị %s, không phải %s", EN: "the cable leads to box %s, not %s"}, Args: []any{h.Box, g.Box},
			Do: lang.Text{
				VI: "cắm cáp vào đúng thiết bị; nếu muốn đổi thành thiết bị khác thì thêm --other", EN: "plug it into the right one; to make this one another box, add --other",
			},
			Err: ErrBox,
		}
	case !h.Ready:
		return h, again{errNotReady}
	}
	return h, nil
}

var errNotReady = &lang.Fault{
	What: lang.Text{VI: "thiết bị chưa ghi được thẻ nhớ", EN: "the box cannot write to its card yet"},
	Do:   lang.Text{VI: "đợi khởi động xong; nếu vẫn vậy, xem cafeprobe diag", EN: "wait until it has started; if it stays so, see cafeprobe diag"},
}

// give goes once through all: a session, the files, and that they are put in place.
func (g *giver) give(ctx context.Context) error {
	h, err := g.hello(ctx)
	if err != nil {
		return g.waiting(err)
	}
	sum, err := commission.Sum(g.Files)
	if err != nil {
		return err
	}
	if h.Inside && h.Sum == sum {
		return nil // the answer was lost, or this laptop was
	}
	g.Tell(Step{Stage: Giving, Hello: h, Total: g.total()})
	if err := g.begin(ctx, h); err != nil {
		return g.waiting(err)
	}
	done := 0
	for _, f := range g.Files {
		for at := 0; at < len(f.Data); {
			b := f.Data[at:min(at+piece, len(f.Data))]
			var have commission.Have
			err := g.ask(ctx, "put", commission.Put{Session: g.at, Name: f.Name, Size: len(f.Data), At: at, Data: b}, &have)
			if err != nil {
				return g.waiting(err)
			}
			at += len(b)
			done += len(b)
			g.Tell(Step{Stage: Giving, Hello: h, Done: done, Total: g.total()})
		}
	}
	// What is not answered is asked for again, and then hello says that it was done.
	err = g.ask(ctx, "commit", commission.Commit{Session: g.at, Sum: sum}, &struct{}{})
	return g.waiting(err)
}

func (g *giver) total() (n int) {
	for _, f := range g.Files {
		n += len(f.Data)
	}
	return n
}

func (g *giver) begin(ctx context.Context, h commission.Hello) error {
	q := commission.Begin{By: g.By}
	if h.Locked && g.Certificate != nil {
		key, ok := g.Certificate.PrivateKey.(crypto.Signer)
		if !ok {
			return errors.New("the technician's key cannot sign")
		}
		sig, err := key.Sign(rand.Reader, commission.Challenge(h.Nonce, g.By), crypto.SHA256)
		if err != nil {
			return fmt.Errorf("sign for the box: %w", err)
		}
		q.Chain, q.Sig = g.Certificate.Certificate, sig
	}
	var s commission.Session
	if err := g.ask(ctx, "begin", q, &s); err != nil {
		return err
	}
	g.at = s.Session
	return nil
}

// label asks for the label: in the session in which the box was given its files, or in one that the technician's certificate opens.
func (g *giver) label(ctx context.Context, h commission.Hello) error {
	var l commission.Label
	err := g.ask(ctx, "label", commission.Ask{Session: g.at}, &l)
	var r *console.Refusal
	if errors.As(err, &r) && r.Code == commission.CodeLocked && g.Certificate != nil {
		if h, err = g.hello(ctx); err == nil {
			err = g.begin(ctx, h)
		}
		if err == nil {
			err = g.ask(ctx, "label", commission.Ask{Session: g.at}, &l)
		}
	}
	switch {
	case err == nil:
		if err := g.Label(l); err != nil {
			return err
		}
		g.Tell(Step{Stage: Labelled, Hello: h})
		return nil
	case errors.As(err, &r) && (r.Code == commission.CodeLocked || r.Code == ""): // no code: a firmware that has no such verb
		g.Tell(Step{Stage: Labelled, Hello: h, Err: said(r)})
		return nil
	}
	return g.waiting(err)
}

// passing are refusals that pass: by themselves, or by somebody's hand.
var passing = []string{commission.CodeWait, commission.CodeReady, commission.CodeBusy, commission.CodeLocked, commission.CodeSession, commission.CodeLabel}

// waiting makes of what passes something to go on after.
func (g *giver) waiting(err error) error {
	var r *console.Refusal
	if errors.As(err, &r) {
		said := said(r)
		if slices.Contains(passing, r.Code) {
			g.Tell(Step{Stage: Waiting, Err: said})
			if r.Code != commission.CodeWait || g.why == nil {
				g.why = said
			}
			return again{g.why} // that it was asked too soon explains nothing
		}
		return said
	}
	if errors.Is(err, error(errNotReady)) {
		g.Tell(Step{Stage: Waiting, Err: errNotReady})
	}
	return err
}

// refusals say a Desk's codes to a technician.
var refusals = []struct {
	code     string
	what, do lang.Text
}{
	{
		commission.CodeWait,
		lang.Text{VI: "thiết bị vừa từ chối, đang chờ", EN: "the box has just refused, and waits"},
		lang.Text{},
	},
	{
		commission.CodeReady,
		errNotReady.What,
		errNotReady.Do,
	},
	{
		commission.CodeBusy,
		lang.Text{VI: "một máy khác đang cấu hình thiết bị", EN: "another laptop is at the box"},
		lang.Text{VI: "chờ máy đó xong, hoặc một phút sau khi nó dừng", EN: "wait until it is done, or a minute after it has stopped"},
	},
	{
		commission.CodeLocked,
		lang.Text{VI: "thiết bị đang hoạt động nên bị khóa", EN: "the box is in use, and locked"},
		lang.Text{
			VI: "giữ nút trên thiết bị ba giây, hoặc dùng chứng thư kỹ thuật viên (--certificate)",
			EN: "hold its button for three seconds, or show a technician's certificate (--certificate)",
		},
	},
	{
		commission.CodeCertificate,
		lang.Text{VI: "chứng thư không mở được thiết bị này", EN: "the certificate does not open this box"},
		lang.Text{VI: "xin tỉnh chứng thư còn hạn", EN: "ask the province for one that is valid"},
	},
	{
		commission.CodeSession,
		lang.Text{VI: "thiết bị đã bỏ phiên làm việc, bắt đầu lại", EN: "the box has given the session up: it begins anew"},
		lang.Text{},
	},
	{
		commission.CodeLabel,
		lang.Text{VI: "thiết bị đang khởi động chương trình, chưa có đủ thông tin cho nhãn", EN: "the box's program is starting, and cannot say all of the label yet"},
		lang.Text{VI: "đợi một lát; nếu vẫn vậy, xem cafeprobe diag", EN: "wait a while; if it stays so, see cafeprobe diag"},
	},
	{
		commission.CodeFiles,
		lang.Text{VI: "thiết bị không dùng được cấu hình này", EN: "the box cannot work with these settings"},
		lang.Text{VI: "sửa tệp phòng máy rồi chạy lại; thiết bị vẫn như cũ", EN: "mend the room file and run this again; the box is as it was"},
	},
	{
		commission.CodeAsked,
		lang.Text{VI: "thiết bị không hiểu yêu cầu", EN: "the box does not understand"},
		lang.Text{VI: "dùng cafeprobe cùng bản phát hành", EN: "use the cafeprobe of its release"},
	},
}

// said says a refusal in words of both languages, with the box's own behind.
func said(r *console.Refusal) error {
	for _, w := range refusals {
		if w.code == r.Code {
			return &lang.Fault{What: w.what, Do: w.do, Err: r}
		}
	}
	return r
}

// reached asks how the box gets on until the province holds a record.
func (g *giver) reached(ctx context.Context) error {
	var d struct {
		Health *health.Report `json:"health"`
	}
	if err := g.ask(ctx, "diag", struct{}{}, &d); err != nil {
		return err
	}
	g.Tell(Step{Stage: Reporting, Health: d.Health})
	if d.Health == nil || !d.Health.Reached {
		return again{&lang.Fault{
			What: lang.Text{VI: "tỉnh chưa xác nhận bản ghi nào", EN: "the province has not said yet that it holds a record"},
			Do:   lang.Text{VI: "xem đường truyền bằng cafeprobe diag; thiết bị tự gửi khi có mạng", EN: "see cafeprobe diag about the uplink; the box sends by itself when it can"},
		}}
	}
	g.Tell(Step{Stage: Received, Health: d.Health})
	return nil
}
