package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"cafeprobe/tools/province"
	"cafeprobe/tools/province/collector"
	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// officer is what the commands beside a running province have in common.
type officer struct {
	Dir   string `required:"" help:"The province's folder, as for 'cafeprobe province'."`
	Name  string `default:"demo" help:"The province's name in topics."`
	Chain string `help:"The chain; without it, the box's newest."`
	Box   string `arg:"" name:"BOX" help:"The box, as in b-7f3a91c2."`
}

func (o *officer) address() (uplink.Address, error) {
	a := uplink.Address{Province: uplink.Province(o.Name), Box: uplink.BoxID(o.Box)}
	if !a.Valid() {
		return a, fmt.Errorf("box %q of province %q: want b- and 8 hexadecimal digits, and a name of a-z, 0-9 and inner hyphens", o.Box, o.Name)
	}
	return a, nil
}

type exportCmd struct {
	officer
	Cafe bool   `help:"All chains of the café: also those of the boxes that were replaced there, with the province's word that they follow each other."`
	Out  string `default:"-" help:"File to write; - is standard output."`
}

// Run writes the export.
func (c *exportCmd) Run(ctx context.Context) (err error) {
	a, err := c.address()
	if err != nil {
		return err
	}
	if c.Cafe && c.Chain != "" {
		return errors.New("--chain names one chain, --cafe means all: give one of the two")
	}
	s, key, err := province.OpenBeside(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	out := io.WriteCloser(os.Stdout)
	if c.Out != "-" {
		if out, err = os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return fmt.Errorf("write the export: %w: give a new file's name", err)
		}
	}
	line, err := c.write(ctx, out, s, a, key)
	if c.Out != "-" {
		err = errors.Join(err, out.Close())
	}
	if err == nil {
		for _, ch := range line {
			fmt.Fprintf(os.Stderr, "chain %s of %s: %d records, complete up to %d\n", ch.Name, ch.Box, ch.Stored, ch.Head)
		}
	}
	return err
}

// write writes one chain, or all of the café.
func (c *exportCmd) write(ctx context.Context, out io.Writer, s *store.Store, a uplink.Address, key ed25519.PrivateKey) ([]store.Link, error) {
	if c.Cafe {
		return province.ExportCafe(ctx, out, s, a, key)
	}
	ch, err := province.Export(ctx, out, s, a, uplink.ChainID(c.Chain), key)
	return []store.Link{{Chain: ch}}, err
}

type orderCmd struct {
	officer
	Verb  string        `arg:"" name:"VERB" enum:"set,maintain,diag,reboot,rotate" help:"set, maintain, diag, reboot or rotate."`
	Args  string        `arg:"" optional:"" name:"ARGS" help:"The verb's arguments, a JSON object; of set, the fields to change."`
	Valid time.Duration `default:"24h" help:"How long the box may take until it does it."`
}

// Run gives the command to the province that runs in the folder, which signs and sends it.
func (c *orderCmd) Run(ctx context.Context) (err error) {
	a, err := c.address()
	if err != nil {
		return err
	}
	var object map[string]any
	if c.Args != "" && json.Unmarshal([]byte(c.Args), &object) != nil {
		return fmt.Errorf("ARGS %.80q: want a JSON object, as in '{\"cafe\":{\"silence\":\"6m\"}}'", c.Args)
	}
	s, _, err := province.OpenBeside(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ch, err := s.ChainOf(ctx, string(a.Box), c.Chain)
	if err != nil {
		return err
	}
	n, err := collector.Order(s, ch, uplink.Verb(c.Verb), []byte(c.Args), time.Now(), c.Valid)
	if err == nil {
		fmt.Printf("command %d, %s, for %s: it goes out at once, and again whenever the box connects, for %v\n", n, c.Verb, a.Box, c.Valid)
	}
	return err
}
