package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"cafeprobe/firmware/command"
	"cafeprobe/firmware/update"
	"cafeprobe/uplink"
	"cafeprobe/uplink/credential"
)

// errNoUpdates is returned by orders.offer where no PID 1 of ours takes updates.
var errNoUpdates = errors.New("this machine takes no firmware from here")

// update passes an announced firmware on to PID 1, which does the rest and tells of it by events. That the command is done says no more
// than that.
func (o *orders) update(c *uplink.Command) (json.RawMessage, error) {
	a, err := update.ParseAnnouncement(c.Args)
	if err != nil {
		return nil, command.BadArgs
	}
	if update.Ring(string(o.sp.Identity().Box), a.Version) >= a.Percent {
		return nil, command.Refusal("ring")
	}
	if !o.cfg.Uplink.Secure() {
		return nil, command.Refusal("no-tls")
	}
	tls := o.cfg.Uplink.TLS
	ca, err := os.ReadFile(filepath.Join(tls.Dir, credential.CAFile))
	if err != nil {
		return nil, err
	}
	offer := update.Offer{Version: a.Version, URL: a.URL, CA: string(ca), Name: tls.ServerName, Command: uint64(c.Number)}
	// A clock that was only saved may be late, and PID 1 has that too.
	if now := o.stamp(); now.Quality.Rank() >= uplink.QualityCoarse.Rank() {
		offer.Now = now.Time.Time().UnixMilli()
	}
	text, err := json.Marshal(offer)
	if err == nil {
		_, err = update.ParseOffer(text)
	}
	if err != nil {
		return nil, err
	}
	if err = o.offer(text); errors.Is(err, errNoUpdates) {
		return nil, command.Refusal("no-updates")
	}
	return nil, err
}
