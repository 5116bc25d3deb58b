package owner

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// tab is a page in a real Chromium.
type tab struct {
	t          testing.TB
	ctx        context.Context
	base       string
	complaints func() []string
}

// browse starts a Chromium, which ends with the test. It takes the box's certificate, as a person does who has compared the fingerprint.
func browse(t testing.TB, b *box) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no chromium: `make test` installs it")
		}
		t.Skip("no chromium, so the page was not looked at: `make test` installs it")
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("lang", "en-US"), chromedp.Flag("disable-component-update", true), chromedp.Flag("ignore-certificate-errors-spki-list", pinOf(t, b)))
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, o...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	x := &tab{t: t, ctx: ctx, base: "https://" + b.port}
	x.listen()
	return x
}

// pinOf returns by what Chromium knows the box's key.
func pinOf(t testing.TB, b *box) string {
	t.Helper()
	cert, err := Certificate(b.dir, testBox, noon())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// listen notes what the console says.
func (x *tab) listen() {
	var mu sync.Mutex
	var list []string
	messages := chromedp.Console(x.ctx)
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
	x.complaints = func() []string {
		mu.Lock()
		defer mu.Unlock()
		return list
	}
}

func (x *tab) run(what string, do ...chromedp.Action[chromedp.Void]) {
	x.t.Helper()
	if err := chromedp.Do(x.ctx, do...); err != nil {
		x.t.Fatalf("%s: %v", what, err)
	}
}

func (x *tab) open(path string) {
	x.t.Helper()
	x.run("open "+path, chromedp.Navigate(x.base+path))
}

// eval returns what script says.
func eval[T any](x *tab, script string) T {
	x.t.Helper()
	v, err := chromedp.Run(x.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		x.t.Fatalf("%.60s: %v", script, err)
	}
	return v
}

func (x *tab) screen(width, height int64, scheme string) {
	x.t.Helper()
	x.run("resize", chromedp.EmulateViewport(width, height, chromedp.EmulateScale(1)))
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(x.ctx, emulation.SetEmulatedMedia, media); err != nil {
		x.t.Fatal(err)
	}
}

// shoot writes a picture of the whole page, where OWNER_SHOTS names a folder for them.
func (x *tab) shoot(name string) {
	x.t.Helper()
	dir := os.Getenv("OWNER_SHOTS")
	if dir == "" {
		return
	}
	b, err := chromedp.Run(x.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		x.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644); err != nil {
		x.t.Fatal(err)
	}
}

// has waits until an element that matches selector holds want.
func (x *tab) has(selector, want string) {
	x.t.Helper()
	var got string
	for range 1000 {
		got = eval[string](x, fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => e.innerText).join("\n")`, selector))
		if strings.Contains(got, want) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	x.t.Fatalf("%s: %q, want %q in it", selector, got, want)
}

// audit returns what is wrong with a page for somebody: what is missing, unlabelled, wider than the screen, too small for a finger, or of too
// little contrast (WCAG 2.2 §1.3.1, 1.4.3, 1.4.10, 1.4.11, 2.4.2, 2.5.8, 3.1.1, 4.1.2).
const audit = `(() => {
	const wrong = [], say = (what, e) => wrong.push(what + " " + (e ? e.outerHTML.slice(0, 90) : ""));
	const rgb = s => (s.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
	const part = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
	const light = c => .2126 * part(c[0]) + .7152 * part(c[1]) + .0722 * part(c[2]);
	const ratio = (a, b) => (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
	const behind = e => {
		for (; e; e = e.parentElement) {
			const c = rgb(getComputedStyle(e).backgroundColor);
			if (c.length === 3 || c[3] === 1) { return c; }
		}
		return [255, 255, 255];
	};
	if (!["vi", "en"].includes(document.documentElement.lang)) { say("no language"); }
	if (!document.title.trim()) { say("no title"); }
	if (document.querySelectorAll("h1").length !== 1) { say("not one h1"); }
	let level = 0;
	for (const h of document.querySelectorAll("h1, h2, h3, h4")) {
		const n = +h.tagName[1];
		if (n > level + 1) { say("a heading skips a level", h); }
		level = n;
	}
	const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
	ids.filter((x, i) => ids.indexOf(x) !== i).forEach(x => say("two of id " + x));
	for (const e of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
		for (const id of ((e.getAttribute("aria-labelledby") || "") + " " + (e.getAttribute("aria-describedby") || "")).split(" ")) {
			if (id && !document.getElementById(id)) { say("refers to nothing: " + id, e); }
		}
	}
	for (const e of document.querySelectorAll("input:not([type=hidden]):not([hidden]), textarea, select")) {
		if (!e.labels.length || !e.labels[0].textContent.trim()) { say("no label", e); }
	}
	for (const e of document.querySelectorAll("a, button, summary")) {
		if (!e.textContent.trim()) { say("no name", e); }
		const r = e.getBoundingClientRect();
		if (e.checkVisibility() && r.left >= 0 && (r.height < 24 || r.width < 24)) { say("too small: " + r.width + "x" + r.height, e); }
	}
	if (document.querySelector("script, [style], style, iframe, [onclick], [onload], [onerror]")) { say("script or style in the page"); }
	for (const e of document.querySelectorAll("body *")) {
		if (e.matches(".skip") || e.closest("defs, title, desc")) { continue; }
		if (e.getBoundingClientRect().right > innerWidth + 1) { say("wider than the screen", e); }
	}
	if (document.documentElement.scrollWidth > innerWidth) { say("scrolls sideways"); }
	let texts = 0;
	for (const e of document.querySelectorAll("body *")) {
		if (!e.checkVisibility() || e.closest("defs, title, desc") || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) { continue; }
		const s = getComputedStyle(e), svg = e.namespaceURI.includes("svg");
		const r = ratio(rgb(svg ? s.fill : s.color), behind(e));
		texts++;
		if (r < 4.5) { say("contrast " + r.toFixed(2), e); }
		if (svg && ratio(rgb(s.fill), rgb(s.stroke)) < 4.5 && s.stroke !== "none") { say("contrast with its halo", e); }
	}
	if (texts < 6) { say("only " + texts + " texts"); }
	for (const e of document.querySelectorAll("svg path.use, svg rect.use, svg .hatch-line, svg .present, svg .axis")) {
		const s = getComputedStyle(e), c = e.matches("line") ? s.stroke : s.fill;
		const r = ratio(rgb(c), behind(e.closest("figure, li, .days > li") || e));
		if (r < 3) { say("a mark's contrast is " + r.toFixed(2), e); }
	}
	for (const e of document.querySelectorAll("input:not([type=hidden]):not([hidden]), textarea")) {
		if (ratio(rgb(getComputedStyle(e).borderColor), behind(e.parentElement)) < 3) { say("a field's edge is pale", e); }
	}
	return wrong;
})()`

// pagesShown are all pages of who is logged in.
var pagesShown = []struct{ path, name string }{
	{"/", "today"},
	{"/days", "days"},
	{"/day/2026-11-25", "day"},
	{"/night/2026-11-27", "night"},
	{"/night/2026-11-25", "night-closed"},
	{"/maintenance", "maintenance"},
	{"/privacy", "privacy"},
	{"/data", "data"},
	{"/pin", "pin"},
}

// TestBrowser walks through the page in a real Chromium by keyboard alone, then looks at each page on a telephone and on a desk, by day and
// by night, in both languages.
func TestBrowser(t *testing.T) {
	b := newBox(t, newRoom(t).lively())
	b.OpenSetup()
	b.waitOpen(true)
	x := browse(t, b)
	x.screen(360, 740, "light")
	x.open("/")
	x.has("h1", "Đặt mã PIN")
	x.look("setup")
	x.walk()
	for _, p := range pagesShown {
		x.open(p.path + "?lang=vi")
		if p.name == "night" || p.name == "privacy" {
			x.run("open what is folded", chromedp.Click("summary"))
		}
		x.look(p.name)
		x.screen(320, 640, "light") // WCAG 2.2 §1.4.10
		x.open(p.path + "?lang=en")
		x.sound(p.name + " in English")
		x.shoot(p.name + "-english")
		if n := eval[int](x, `performance.getEntriesByType("resource").length`); n > 2 {
			t.Errorf("%s loads %d files beside itself", p.name, n)
		}
	}
	if list := x.complaints(); len(list) > 0 {
		t.Errorf("the console says %q, want nothing", list)
	}
	x.open("/?lang=vi")
	x.print("/night/2026-11-27")
	x.open("/nothing") // of which Chromium's console says that it is missing
	x.look("missing")
	x.tabTo(".account button")
	x.keys("\r")
	x.has("h1", "Đăng nhập")
	x.tabTo("#pin")
	x.keys("408173", "\r")
	x.has(".wrong", "Mã PIN không đúng.")
	x.look("wrong")
}

// print looks at a page as it is on paper: what leads elsewhere is left out, what is said stays.
func (x *tab) print(path string) {
	x.t.Helper()
	x.screen(794, 1123, "light") // A4
	x.open(path)
	if _, err := chromedp.Call(x.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		x.t.Fatal(err)
	}
	if !eval[bool](x, `document.querySelector(".alert").checkVisibility() && ["header nav", ".button", "details", ".account"].every(s => !document.querySelector(s).checkVisibility())`) {
		x.t.Errorf("%s on paper has what cannot be followed there, or lacks what it says", path)
	}
	x.sound(path + " on paper")
	x.shoot("paper")
	if _, err := chromedp.Call(x.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}); err != nil {
		x.t.Fatal(err)
	}
}

// walk does all that an owner can do, by keyboard.
func (x *tab) walk() {
	x.t.Helper()
	x.tabTo("#code")
	x.keys("7k3qm9zx0t", "\t", testPIN, "\t", testPIN, "\r")
	x.has(".done", "Đã đặt mã PIN")
	x.follow(`a[href="/days"]`, "35 ngày gần nhất")
	x.follow(`a[href="/night/2026-11-27"]`, "Đêm thứ sáu, 27/11/2026")
	x.tabTo("summary")
	x.keys("\r")
	x.tabTo("textarea")
	x.keys(`Máy 3 <img src=x onerror="window.hacked=1"> đang cài lại`)
	x.tabTo("details[open] button")
	x.keys("\r")
	x.has(".done", "Đã ghi ý kiến của bạn")
	x.has("blockquote", `Máy 3 <img src=x onerror="window.hacked=1"> đang cài lại`)
	if eval[bool](x, `"hacked" in window || document.querySelector("main img") !== null`) {
		x.t.Error("a note runs as a script")
	}
	x.follow(`a[href="/maintenance"]`, "Báo bảo trì")
	x.tabTo("#from")
	x.keys("112920261000PM")
	x.tabTo("#to")
	x.keys("113020260200AM")
	if got := eval[string](x, `document.querySelector("#from").value + " " + document.querySelector("#to").value`); got != "2026-11-29T22:00 2026-11-30T02:00" {
		x.t.Fatalf("typed %q", got)
	}
	x.keys("\r")
	x.has(".done", "Đã ghi báo bảo trì")
	x.has("main", "22:00 29/11/2026")
	x.follow(`a[href="/pin"]`, "Đổi mã PIN")
	x.tabTo("#old")
	x.keys(testPIN, "\t", "553311", "\t", "553311", "\r")
	x.has(".done", "Đã đổi mã PIN")
	x.tabTo(".account button")
	x.keys("\r")
	x.has(".done", "Bạn đã đăng xuất")
	x.sound("log-in")
	x.shoot("login-phone")
	x.tabTo("#pin")
	x.keys("553311", "\r")
	x.has("h1", "Hôm nay")
}

// keys types keys, wherever the focus is.
func (x *tab) keys(keys ...string) {
	x.t.Helper()
	for _, k := range keys {
		x.run("type", chromedp.KeyEvent(k))
	}
}

// tabTo goes to an element by the tabulator alone, and wants the focus to be seen there.
func (x *tab) tabTo(selector string) {
	x.t.Helper()
	for range 120 {
		x.keys("\t")
		at := eval[string](x, fmt.Sprintf(`(() => {
			const e = document.activeElement, s = getComputedStyle(e);
			return !e.matches(%q) ? "" : e.matches("textarea, input") || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 ? "seen" : "unseen";
		})()`, selector))
		if at == "unseen" {
			x.t.Errorf("%s has the focus and does not show it", selector)
		}
		if at != "" {
			return
		}
	}
	x.t.Fatalf("the tabulator does not reach %s", selector)
}

// follow follows a link by keyboard to the page headed heading.
func (x *tab) follow(selector, heading string) {
	x.t.Helper()
	x.tabTo(selector)
	x.keys("\r")
	x.has("h1", heading)
}

// look audits the page as it is on both screens, on the telephone's in both schemes, and takes pictures.
func (x *tab) look(name string) {
	x.t.Helper()
	for _, at := range []struct {
		name          string
		width, height int64
		scheme        string
	}{
		{"phone", 360, 740, "light"}, {"phone-dark", 360, 740, "dark"}, {"desk", 1280, 800, "light"},
	} {
		x.screen(at.width, at.height, at.scheme)
		x.sound(name + " on " + at.name)
		x.shoot(name + "-" + at.name)
	}
}

// sound audits the page as it is.
func (x *tab) sound(name string) {
	x.t.Helper()
	if wrong := eval[[]string](x, audit); len(wrong) > 0 {
		x.t.Errorf("%s: %q", name, wrong)
	}
}
