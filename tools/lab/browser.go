package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// browserOf is a person's Chromium, without a window.
type browserOf struct {
	tab  context.Context
	stop []context.CancelFunc
}

// pageLimit is how long a page may take on a busy computer.
const pageLimit = 25 * time.Second

// open starts the browser where it is not there yet. It believes the world's key, and asks names of overQUIC by QUIC at once.
func (a *agent) open() *browserOf {
	if a.browser != nil {
		return a.browser
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(filepath.Join(a.folder, "chromium")),
		chromedp.Flag("ignore-certificate-errors-spki-list", a.key),
		chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("enable-quic", true),
		chromedp.Flag("origin-to-force-quic-on", strings.Join(overQUIC, ":443,")+":443"),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("no-pings", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), o...)
	tab, close := chromedp.NewContext(ctx)
	a.browser = &browserOf{tab: tab, stop: []context.CancelFunc{close, stop}}
	return a.browser
}

// page opens a site's page, with all that is on it.
func (a *agent) page(site string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.open()
	if err := chromedp.Do(b.tab); err != nil { // the browser lives with the context of the first
		return err
	}
	ctx, cancel := context.WithTimeout(b.tab, pageLimit)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate("https://"+site+"/")); err != nil {
		return err
	}
	if missing, err := chromedp.Run(ctx, chromedp.Evaluate[int](missingImages)); err != nil || missing > 0 {
		return fmt.Errorf("%d things of %s are missing: %w", missing, site, err)
	}
	return nil
}

// missingImages counts what did not come. The pictures are none, so that nothing can be shown of them, but the browser
// knows whether it got them.
const missingImages = `performance.getEntriesByType("resource").filter(
	e => e.initiatorType === "img" && e.responseEnd === 0).length`

// fetch gets something from within the page.
func (a *agent) fetch(url string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.browser == nil {
		return fmt.Errorf("no page is open to get %s", url)
	}
	ctx, cancel := context.WithTimeout(a.browser.tab, pageLimit)
	defer cancel()
	script := fmt.Sprintf(`(async () => (await (await fetch(%q)).arrayBuffer()).byteLength)()`, url)
	n, err := chromedp.Run(ctx, chromedp.Evaluate[int](script, chromedp.EvalAwaitPromise))
	if err == nil && n < 1024 {
		err = fmt.Errorf("%s: %d octets", url, n)
	}
	return err
}

// quit closes the browser.
func (a *agent) quit() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.browser != nil {
		for _, f := range a.browser.stop {
			f()
		}
		a.browser = nil
	}
	if a.over3 != nil {
		_ = a.over3.Close()
	}
	a.talks.CloseIdleConnections()
	return nil
}
