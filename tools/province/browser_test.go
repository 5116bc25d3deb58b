package province_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"cafeprobe/tools/province"
	"cafeprobe/uplink"
)

// TestBrowser opens the page in a real Chromium and lets a box speak: what it says is to appear without a reload, and
// nothing is to overflow a phone or to complain in the console.
func TestBrowser(t *testing.T) {
	tab, complaints := browser(t)
	p := start(t)
	b := newBox(t, p)

	run(t, tab, "open the page", chromedp.Navigate(p.WebURL()))
	eval[bool](t, tab, `window.kept = true`)
	has(t, tab, "#live", "Chưa có thiết bị nào gửi tin về")

	b.connect()
	b.hello()
	b.occ(23)
	b.records(&uplink.Open{Station: "u3mJq0yZcRE", Stamp: b.now(), Confidence: 86})
	has(t, tab, ".card.open .big strong", "23")
	has(t, tab, ".card .state", "đang mở")
	has(t, tab, "tbody .what", "Máy u3mJq bật, độ tin cậy 86 %.")
	has(t, tab, "#sum", "1 điểm: 1 đang mở")
	has(t, tab, "#live", "Chưa có đêm nào được báo về.")
	b.records(lateNight(b, uplink.StageWatch, 1, 30), lateNight(b, uplink.StageAlert, 4, 131))
	has(t, tab, ".nights .alert", "nhiều nhất 4 máy cùng lúc, tổng cộng 131 phút máy")
	has(t, tab, ".nights .alert .stage", "đề nghị kiểm tra")
	has(t, tab, ".nights .where", "Đêm 24/11/2026 (22:00-08:00) · chưa tổng kết")
	has(t, tab, "section[aria-labelledby=nights] .notice", "Thông tin phục vụ kiểm tra, không phải kết luận vi phạm.")
	b.records(lateNight(b, uplink.StageEnd, 5, 240))
	has(t, tab, ".nights .alert", "tổng cộng 240 phút máy")
	has(t, tab, ".nights .where", "đã tổng kết")
	if n := eval[int](t, tab, `document.querySelectorAll(".nights li").length`); n != 1 {
		t.Errorf("%d nights on the page, want one of three records", n)
	}
	b.records(&uplink.Dispute{
		Stamp: b.now(), Night: "2026-11-24", Stage: uplink.StageAlert, Seq: 3, Note: "Thợ sửa máy chủ từ 22 giờ, không có khách <b>nào</b>.",
	})
	has(t, tab, ".nights .alert .dispute", "Chủ điểm không đồng ý")
	has(t, tab, ".nights .alert .dispute q", "không có khách <b>nào</b>.")
	for _, dark := range []string{"light", "dark"} {
		legible(t, tab, dark)
	}
	for _, width := range []int64{390, 320, 1280} {
		fits(t, tab, width)
	}

	b.occ(24)
	has(t, tab, ".card.open .big strong", "24")
	b.die()
	has(t, tab, ".card.offline .state", "mất liên lạc")
	has(t, tab, "#sum", "1 mất liên lạc")

	if !eval[bool](t, tab, `window.kept === true`) {
		t.Error("the page was loaded again: it is to change in place")
	}
	run(t, tab, "follow the link by keyboard", chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"))
	has(t, tab, ".card.offline .state", "offline")
	has(t, tab, ".nights .alert .stage", "inspection suggested")
	has(t, tab, "section[aria-labelledby=nights] .notice", "Information for inspection, not a finding of an offence.")
	if list := complaints(); len(list) > 0 {
		t.Errorf("the console says %q, want nothing", list)
	}
}

// lateNight is what the box tells of a night.
func lateNight(b *box, stage string, peak, minutes uplink.Int) uplink.Body {
	return &uplink.AfterHours{
		Stamp: b.now(), Night: "2026-11-24", Stage: stage, Category: "game", Hours: "22:00-08:00", First: 1795534200000,
		Last: 1795541400000, Peak: peak, Minutes: minutes, Blind: 3, Confidence: 91,
	}
}

// TestBrowserSaysWhenTheProvinceIsAway: figures that are no longer updated are not to look like those of now.
func TestBrowserSaysWhenTheProvinceIsAway(t *testing.T) {
	tab, _ := browser(t)
	p := start(t)
	run(t, tab, "open the page", chromedp.Navigate(p.WebURL()), chromedp.WaitNotVisible("#lost"))
	p.stop()
	run(t, tab, "wait for the warning", chromedp.WaitVisible("#lost"))
	has(t, tab, "#lost", "Mất kết nối với máy chủ của tỉnh")
}

// browser starts a Chromium of its own, which ends with the test. complaints returns what its console has said.
func browser(t *testing.T) (tab context.Context, complaints func() []string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no chromium: `make test` installs it")
		}
		t.Skip("no chromium, so the page was not looked at: `make test` installs it")
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, o...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	var mu sync.Mutex
	var list []string
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return // the browser has ended
			}
			mu.Lock()
			list = append(list, fmt.Sprintf("%s %s", m.Type, m.Text))
			mu.Unlock()
		}
	}()
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return list
	}
}

func run(t *testing.T, tab context.Context, what string, do ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab, do...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// eval returns what script says.
func eval[T any](t *testing.T, tab context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(tab, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%.60s: %v", script, err)
	}
	return v
}

// has waits until an element that matches selector holds want.
func has(t *testing.T, tab context.Context, selector, want string) {
	t.Helper()
	var got string
	for began := time.Now(); time.Since(began) < 15*time.Second; time.Sleep(50 * time.Millisecond) {
		got = eval[string](t, tab, fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => e.innerText).join("\n")`, selector))
		if strings.Contains(got, want) {
			return
		}
	}
	t.Fatalf("%s: %q, want %q in it", selector, got, want)
}

// fits looks for elements that are wider than a screen of width.
func fits(t *testing.T, tab context.Context, width int64) {
	t.Helper()
	run(t, tab, "resize", chromedp.EmulateViewport(width, 844, chromedp.EmulateScale(2)))
	wide := eval[[]string](t, tab, `
		[...document.querySelectorAll("body *")].filter(e => !e.closest(".spoken, thead"))
			.filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))
			.concat(document.documentElement.scrollWidth > innerWidth ? ["the document"] : [])`)
	if len(wide) > 0 {
		t.Errorf("at %d px: wider than the screen: %q", width, wide)
	}
}

// legible looks for text whose contrast is below 4.5 to 1 (WCAG 2.2 §1.4.3).
func legible(t *testing.T, tab context.Context, scheme string) {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	pale := eval[[]string](t, tab, `
		(() => {
			const rgb = s => s.match(/[\d.]+/g).map(Number);
			const part = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
			const light = c => .2126 * part(c[0]) + .7152 * part(c[1]) + .0722 * part(c[2]);
			const behind = e => {
				for (; e; e = e.parentElement) {
					const c = rgb(getComputedStyle(e).backgroundColor);
					if (c.length === 3 || c[3] === 1) { return c; }
				}
				return [255, 255, 255];
			};
			window.texts = [...document.querySelectorAll("body *")].filter(e => e.checkVisibility() &&
				[...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
			return texts.map(e => {
				const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e));
				return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.outerHTML.slice(0, 60)];
			}).filter(x => x[0] < 4.5).map(x => x.join(" "));
		})()`)
	if seen := eval[int](t, tab, `texts.length`); len(pale) > 0 || seen < 20 {
		t.Errorf("%s: contrast below 4.5 in %d texts: %q", scheme, seen, pale)
	}
}

// running is a province that a test has started.
type running struct {
	*province.Province
	stop func()
}

// start runs a province on loopback, which ends with the test.
func start(t *testing.T) running {
	t.Helper()
	p, err := province.New(province.Config{Dir: t.TempDir(), Province: "ha-giang"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the province ends with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the province does not end")
		}
	})
	t.Cleanup(stop)
	return running{p, stop}
}
