package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"cafeprobe/capture/title"
	"cafeprobe/firmware/config"
	"cafeprobe/firmware/titles"
	"cafeprobe/uplink"
	"cafeprobe/uplink/spool"
)

// titlesOf says where the box of id has its table of titles, and whom it believes about it.
func titlesOf(cfg *config.Config, id *spool.Identity) *titles.Box {
	return &titles.Box{Dir: cfg.Dir, Province: id.Province, Key: id.ProvinceKey}
}

// loadTitles returns the table of titles to use, and its number. A signed one that is refused is told as everything is that
// the box refuses, and the built-in one is used.
func loadTitles(
	cfg *config.Config, id *spool.Identity, log *slog.Logger, refused func(what, from string),
) (*title.Table, uint64) {
	table, number, err := titlesOf(cfg, id).Load()
	if err == nil {
		return table, number
	}
	log.Warn("signed titles are not used", "file", filepath.Join(cfg.Dir, titles.File), "error", err)
	var why titles.Refusal
	switch {
	case !errors.As(err, &why): // the card, of which others tell
	case why == titles.Large:
		refused(uplink.SecurityMalformed, "titles")
	default:
		refused(why.Error(), "titles")
	}
	return table, number
}

// installTitles verifies the signed table at path, puts it where the next start of the daemon finds it, and says its number.
func installTitles(cfg *config.Config, path string, out io.Writer) error {
	id, err := identityOf(cfg)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, titles.MaxFile+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	number, err := titlesOf(cfg, &id).Install(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	fmt.Fprintf(out, "titles %d: used from the daemon's next start\n", number)
	return nil
}
