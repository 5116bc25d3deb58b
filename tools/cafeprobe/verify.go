package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"cafeprobe/firmware/hours"
	"cafeprobe/firmware/proof"
	"cafeprobe/uplink"
	"cafeprobe/uplink/export"
)

// verifyCmd checks an export, or the proof of a night, without the province.
type verifyCmd struct {
	JSON bool   `help:"Print the report as one JSON document."`
	Key  string `help:"The box's public key as the registry has it, base64url: without it the export's own is believed. Of a café's chains, the last box's."`
	Sign string `name:"province-key" help:"The province's key, as cafeprobe province prints it: with it, receipts and links are the province's."`
	File string `arg:"" name:"FILE" help:"What 'cafeprobe province export' wrote, or the proof of a night (PDF) of a box's own page; - is standard input."`
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
	from := bufio.NewReader(in)
	if head, _ := from.Peek(8); proof.Is(head) {
		return c.proof(from)
	}
	cafe, err := export.VerifyCafe(from)
	if err != nil {
		return err
	}
	if err := c.province(cafe.Chains[0]); err != nil {
		return err
	}
	if len(cafe.Chains) > 1 || len(cafe.Findings) > 0 {
		return c.cafe(cafe)
	}
	r := cafe.Chains[0]
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

// proof checks the proof of a night.
func (c *verifyCmd) proof(in io.Reader) error {
	r, err := proof.Verify(in)
	if err != nil {
		return err
	}
	key := base64.RawURLEncoding.EncodeToString(r.Key[:])
	if c.Key != "" && c.Key != key {
		return fmt.Errorf("the proof is signed with key %s, not with %s", key, c.Key)
	}
	if err := c.province(r.Chain); err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", " ")
		return enc.Encode(r)
	}
	printProof(os.Stdout, r, key, c.Key != "")
	return nil
}

func printProof(w io.Writer, r *proof.Report, key string, checked bool) {
	s := &r.Statement
	zone := func(t uplink.Time) string { return t.Time().In(hours.Zone).Format("2006-01-02 15:04") }
	fmt.Fprintf(w, "box      %s of %s, chain %s\n", s.Box, s.Province, s.Chain)
	printKey(w, key, checked)
	fmt.Fprintf(w, "night    of %s, %s (%s to %s, UTC+7)\n", s.Night, s.Hours, zone(s.From), zone(s.To))
	m := &s.Minutes
	fmt.Fprintf(w, "verdict  %s: of %d minutes seen %d, off %d, blind %d, lost %d, unknown %d; of uncertain time %d, with stations hidden %d\n", s.Verdict,
		m.Seen+m.Off+m.Blind+m.Lost+m.Unknown, m.Seen, m.Off, m.Blind, m.Lost, m.Unknown, m.Unsure, m.Hiding)
	fmt.Fprintf(w, "use      %d station-minutes, %d stations at once; %d records of alerts\n", s.InUse, s.Peak, len(s.Alerts))
	fmt.Fprintf(w, "records  %d to %d, signed by the box at %s, by the province up to %d (%d receipts)\n", s.Records.First, s.Records.Last, zone(s.AsOf),
		r.Chain.Receipted, r.Chain.Receipts)
	fmt.Fprintln(w, "sound    each octet is what the box signed, and it states what its records say")
}

func printKey(w io.Writer, key string, checked bool) {
	if checked {
		fmt.Fprintf(w, "key      %s, as in the registry\n", key)
		return
	}
	fmt.Fprintf(w, "key      %s: compare it with the registry, or give it with --key\n", key)
}

func printReport(w io.Writer, r *export.Report, key string, checked bool) {
	h := r.Header
	fmt.Fprintf(w, "box      %s of %s, chain %s\n", h.Box, h.Province, h.Chain)
	printKey(w, key, checked)
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
