package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"cafeprobe/uplink/export"
)

// verifyCmd checks an export without the province.
type verifyCmd struct {
	JSON bool   `help:"Print the report as one JSON document."`
	Key  string `help:"The box's public key as the registry has it, base64url: without it the export's own is believed."`
	File string `arg:"" name:"EXPORT" help:"What 'cafeprobe province export' wrote; - is standard input."`
}

var errUnsound = errors.New("the chain is not sound")

// Run prints what is right and what is wrong, and fails if anything is wrong.
func (c *verifyCmd) Run() error {
	in := io.ReadCloser(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("open export: %w", err)
		}
		defer f.Close()
		in = f
	}
	r, err := export.Verify(in)
	if r == nil {
		return err
	}
	key := base64.RawURLEncoding.EncodeToString(r.Header.Key[:])
	if c.Key != "" && c.Key != key {
		err = errors.Join(err, fmt.Errorf("the export is signed with key %s, not with %s", key, c.Key))
	}
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", " ")
		err = errors.Join(err, enc.Encode(r))
	} else {
		printReport(os.Stdout, r, key, c.Key != "")
	}
	if !r.Sound() {
		err = errors.Join(err, errUnsound)
	}
	return err
}

func printReport(w io.Writer, r *export.Report, key string, checked bool) {
	h := r.Header
	fmt.Fprintf(w, "box      %s of %s, chain %s\n", h.Box, h.Province, h.Chain)
	if checked {
		fmt.Fprintf(w, "key      %s, as in the registry\n", key)
	} else {
		fmt.Fprintf(w, "key      %s: compare it with the registry, or give it with --key\n", key)
	}
	fmt.Fprintf(w, "records  %d link, the last is %d\n", r.Records, r.Last)
	fmt.Fprintf(w, "signed   by the box up to %d (%d checkpoints), by the province up to %d (%d receipts)\n", r.Signed, r.Checkpoints,
		r.Receipted, r.Receipts)
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%-9s%s\n", f.What, f.Text)
	}
	if r.Sound() {
		fmt.Fprintln(w, "sound    nothing is missing, altered, doubled, reordered or forked")
	}
}
