package checktest

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// flushTime is how long a slow card takes to flush.
const flushTime = 1500 * time.Millisecond

// slowNode is a file or a folder on a slow card.
type slowNode struct{ *fs.LoopbackNode }

// WrapChild is fs.NodeWrapChilder's.
func (n *slowNode) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &slowNode{ops.(*fs.LoopbackNode)}
}

// Fsync is fs.NodeFsyncer's.
func (n *slowNode) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	time.Sleep(flushTime)
	if s, ok := f.(fs.FileFsyncer); ok {
		return s.Fsync(ctx, flags)
	}
	return 0
}

// slow puts b's data on a card that takes long to flush. What is there moves along.
func (b *box) slow() {
	t := b.c.t
	t.Helper()
	from, to := filepath.Join(b.c.dir, "card"), filepath.Join(b.root, "data")
	if err := os.Rename(to, from); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(from, &st); err != nil {
		t.Fatal(err)
	}
	root := &fs.LoopbackRoot{Path: from, Dev: st.Dev}
	root.RootNode = &slowNode{&fs.LoopbackNode{RootData: root}}
	server, err := fs.Mount(to, root.RootNode, &fs.Options{MountOptions: fuse.MountOptions{
		DirectMount: true, FsName: "card", Name: "card", AllowOther: true, Options: []string{"default_permissions"},
	}})
	if err != nil {
		t.Fatalf("mount a slow card: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Errorf("unmount %s: %v", to, err)
		}
	})
}
