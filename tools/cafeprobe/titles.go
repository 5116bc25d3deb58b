package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"cafeprobe/capture/title"
	"cafeprobe/firmware/titles"
	"cafeprobe/tools/province"
	"cafeprobe/uplink"
)

type titlesCmd struct {
	Dir    string `required:"" help:"The province's folder."`
	Name   string `default:"demo" help:"The province's name in topics."`
	Number uint64 `required:"" help:"The table's number, above that of every table before and of the firmware's own."`
	Table  string `arg:"" name:"FILE" help:"The table, as capture/title/titles.tsv."`
}

// Run writes the signed table to standard output: cafeprobed -titles takes it.
func (c *titlesCmd) Run() error { return c.run(os.Stdout) }

func (c *titlesCmd) run(out io.Writer) (err error) {
	if c.Number <= title.Version {
		return fmt.Errorf("--number %d: the firmware's own table is %d: give a higher one", c.Number, title.Version)
	}
	text, err := os.ReadFile(c.Table)
	if err != nil {
		return err
	}
	s, key, err := province.OpenBeside(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	file, err := titles.Sign(titles.Signed{Province: uplink.Province(c.Name), Number: c.Number, Text: string(text)}, key)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Table, err)
	}
	_, err = out.Write(file)
	return err
}
