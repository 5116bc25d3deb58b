package spool

import (
	"context"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A recorder is a folder in memory that notes all that is done to it.
type recorder struct {
	fs.Inode
	mu  sync.Mutex
	log []op
	ino uint64
}

// record mounts a recorder and returns it and its path. The spool must run in another process: a page fault of this one
// on a file that it serves itself would never end.
func record(t *testing.T) (*recorder, string) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the power cuts need /dev/fuse: %v", err)
		}
		t.Skipf("NOT TESTED: the power cuts need /dev/fuse: %v", err)
	}
	dir, r := t.TempDir(), &recorder{ino: 100}
	server, err := fs.Mount(dir, r, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: true, FsName: "recorder", MaxWrite: 1 << 20}})
	if err != nil {
		t.Fatalf("mount the recording file system: %v (root is needed)", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return r, dir
}

func (r *recorder) note(o op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, o)
}

var (
	_ fs.NodeCreater  = (*recorder)(nil)
	_ fs.NodeRenamer  = (*recorder)(nil)
	_ fs.NodeUnlinker = (*recorder)(nil)
	_ fs.NodeFsyncer  = (*recorder)(nil)
)

func (r *recorder) Create(ctx context.Context, name string, _, _ uint32, _ *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	r.mu.Lock()
	r.ino++
	f := &recordedFile{r: r, ino: r.ino, told: name == "told"}
	r.mu.Unlock()
	if !f.told {
		r.note(op{kind: opCreate, ino: f.ino, name: name})
	}
	n := r.NewPersistentInode(ctx, f, fs.StableAttr{Mode: syscall.S_IFREG, Ino: f.ino})
	r.AddChild(name, n, true)
	return n, nil, 0, 0
}

func (r *recorder) Rename(_ context.Context, name string, _ fs.InodeEmbedder, to string, _ uint32) syscall.Errno {
	r.note(op{kind: opRename, name: name, to: to})
	return 0
}

func (r *recorder) Unlink(_ context.Context, name string) syscall.Errno {
	r.note(op{kind: opUnlink, name: name})
	return 0
}

func (r *recorder) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	r.note(op{kind: opSyncDir})
	return 0
}

type recordedFile struct {
	fs.Inode
	r    *recorder
	ino  uint64
	told bool
	mu   sync.Mutex
	data []byte
}

func (f *recordedFile) do(o op) {
	o.ino = f.ino
	if f.told {
		o.kind = opTold
	} else if o.kind != opSync {
		f.mu.Lock()
		f.data = change(f.data, o, func() bool { return true })
		f.mu.Unlock()
	}
	f.r.note(o)
}

func (f *recordedFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

func (f *recordedFile) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	if off < int64(len(f.data)) {
		n = copy(dest, f.data[off:])
	}
	return fuse.ReadResultData(dest[:n]), 0
}

func (f *recordedFile) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	f.do(op{kind: opWrite, off: off, data: append([]byte(nil), data...)})
	return uint32(len(data)), 0
}

func (f *recordedFile) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	f.do(op{kind: opSync})
	return 0
}

func (f *recordedFile) Flush(context.Context, fs.FileHandle) syscall.Errno { return 0 }

func (f *recordedFile) Allocate(_ context.Context, _ fs.FileHandle, off, size uint64, _ uint32) syscall.Errno {
	f.do(op{kind: opAllocate, size: int64(off + size)})
	return 0
}

func (f *recordedFile) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f.mu.Lock()
	defer f.mu.Unlock()
	out.Mode, out.Size = 0o600, uint64(len(f.data))
	return 0
}

func (f *recordedFile) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if n, ok := in.GetSize(); ok {
		f.do(op{kind: opTruncate, size: int64(n)})
	}
	return f.Getattr(ctx, h, out)
}
