package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"cafeprobe/tools/province"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// sitesCmd tells the province which café each box is in: without it the page names boxes.
type sitesCmd struct {
	Dir  string `required:"" help:"The province's folder."`
	File string `arg:"" name:"FILE" help:"A JSON object: box to name and commune, as in {\"b-7f3a91c2\": {\"name\": \"Quán 1\", \"commune\": \"Xã A\"}}; - is standard input."`
}

const (
	maxSites = 4 << 20 // octets: some 40 000 cafés
	maxName  = 120     // characters
)

// Run replaces the registry by what the file says.
func (c *sitesCmd) Run() (err error) {
	in := io.ReadCloser(os.Stdin)
	if c.File != "-" {
		if in, err = os.Open(c.File); err != nil {
			return fmt.Errorf("read the cafés: %w", err)
		}
		defer in.Close()
	}
	sites, err := readSites(in)
	if err != nil {
		return fmt.Errorf("read the cafés of %s: %w", c.File, err)
	}
	s, _, err := province.OpenBeside(c.Dir)
	if err != nil {
		return err
	}
	err = errors.Join(s.Update(func(tx *store.Tx) error { return tx.SetSites(sites) }), s.Close())
	if err == nil {
		fmt.Printf("%d cafés are registered\n", len(sites))
	}
	return err
}

func readSites(in io.Reader) (map[string]store.Site, error) {
	b, err := io.ReadAll(io.LimitReader(in, maxSites+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxSites {
		return nil, fmt.Errorf("it has more than %d octets", maxSites)
	}
	var sites map[string]store.Site
	if err := json.Unmarshal(b, &sites); err != nil {
		return nil, fmt.Errorf("%w: want a JSON object of boxes, each with name and commune", err)
	}
	for box, s := range sites {
		switch {
		case !uplink.BoxID(box).Valid():
			return nil, fmt.Errorf("%.40q is no box: want b- and 8 hexadecimal digits", box)
		case strings.TrimSpace(s.Name) == "" || utf8.RuneCountInString(s.Name) > maxName || utf8.RuneCountInString(s.Commune) > maxName:
			return nil, fmt.Errorf("%s: want a name, and name and commune of at most %d characters", box, maxName)
		}
	}
	return sites, nil
}
