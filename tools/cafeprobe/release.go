package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"cafeprobe/tools/release"
)

// releaseCmd is what is done where firmware is signed.
type releaseCmd struct {
	Init     releaseInitCmd     `cmd:"" help:"Make all keys, and a folder without a release. Then take the root's three keys to three places."`
	Sign     releaseSignCmd     `cmd:"" help:"Sign an image whose tests were green, and put it into the folder."`
	Refresh  releaseRefreshCmd  `cmd:"" help:"Sign the folder anew for two weeks. At least weekly: boxes take none that has expired."`
	Withdraw releaseWithdrawCmd `cmd:"" help:"Take a release out of the folder."`
	Rotate   releaseRotateCmd   `cmd:"" help:"Replace keys, with two of the root's three."`
}

// releaseFolder is what all have in common.
type releaseFolder struct {
	Repo string `required:"" placeholder:"DIR" help:"The folder that boxes take firmware from."`
	Keys string `required:"" placeholder:"DIR" help:"The folder of the keys."`
}

func (f *releaseFolder) open() (*release.Repo, error) { return release.Open(f.Repo, f.Keys) }

type releaseInitCmd struct{ releaseFolder }

// Run makes keys and folder.
func (c *releaseInitCmd) Run() error {
	r, err := release.Init(c.Repo, c.Keys, time.Now())
	if err == nil {
		fmt.Printf("root    %s   (for make image ROOT=…)\nkeys    %s: take root-1.key, root-2.key and root-3.key away now, to three places\n", r.RootFile(), c.Keys)
	}
	return err
}

type releaseSignCmd struct {
	releaseFolder
	Tests string `required:"" placeholder:"FILE" help:"The record of this image's tests, as make e2e writes it."`
	Image string `arg:"" name:"DIR" help:"What make image made: the folder with manifest.json."`
}

// Run signs an image.
func (c *releaseSignCmd) Run() error { return c.run(os.Stdout, time.Now()) }

func (c *releaseSignCmd) run(out io.Writer, now time.Time) error {
	rec, err := release.ReadRecord(c.Tests)
	if err != nil {
		return err
	}
	image, err := release.ReadImage(c.Image)
	if err != nil {
		return err
	}
	r, err := c.open()
	if err != nil {
		return err
	}
	if err := r.Add(image, rec, now); err != nil {
		return err
	}
	of := image.Manifest.Release
	fmt.Fprintf(out, "%s %s, number %d, is released in %s\n", of.Board, of.Version, of.Number, c.Repo)
	return nil
}

type releaseRefreshCmd struct{ releaseFolder }

// Run signs timestamp and snapshot anew.
func (c *releaseRefreshCmd) Run() error {
	r, err := c.open()
	if err != nil {
		return err
	}
	return r.Refresh(time.Now())
}

type releaseWithdrawCmd struct {
	releaseFolder
	Version string `arg:"" help:"Version of the release."`
}

// Run takes a release out.
func (c *releaseWithdrawCmd) Run() error {
	r, err := c.open()
	if err != nil {
		return err
	}
	return r.Withdraw(c.Version, time.Now())
}

type releaseRotateCmd struct {
	releaseFolder
	RootKey []string `required:"" placeholder:"FILE" help:"A key of the present root; give it twice."`
	Roles   []string `arg:"" optional:"" name:"KEY" help:"targets, snapshot, timestamp, root-1, root-2, root-3; none: the root alone is signed anew."`
}

// Run replaces keys.
func (c *releaseRotateCmd) Run() error {
	r, err := c.open()
	if err != nil {
		return err
	}
	if err := r.Rotate(c.Roles, c.RootKey, time.Now()); err != nil {
		return err
	}
	fmt.Printf("root    %s   (for images from now on; boxes find it by themselves)\n", r.RootFile())
	return nil
}
