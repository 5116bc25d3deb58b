package afpacket

import (
	"time"

	"golang.org/x/sys/unix"
)

// State says how it stands with the interface.
type State uint32

// The states.
const (
	Gone      State = iota // there is no such interface, or it was removed
	Down                   // it is there and not up
	NoCarrier              // it is up, and nothing is plugged in
	Up                     // frames can come
)

// String returns the state in a word.
func (s State) String() string { return [...]string{"gone", "down", "no-carrier", "up"}[min(s, Up)] }

// watchPeriod is how often the interface is looked at, whether frames come or not.
const watchPeriod = time.Second

// State returns how it stood with the interface within the last second or Config.Quiet, as long as Next is called.
func (r *Ring) State() State { return State(r.state.Load()) }

// Name returns the interface's present name: it may have been renamed.
func (r *Ring) Name() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.name
}

// watch looks at the interface, and follows it: under another name as long as its index lives, and when that ended to a
// new one under the name it last had. All of it is asked through the socket, which knows its network namespace.
func (r *Ring) watch() {
	r.watched = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Store(uint32(r.follow()))
}

func (r *Ring) follow() State {
	if r.index > 0 {
		if name, err := r.nameOf(r.index); err == nil {
			r.name = name
			return r.flags()
		}
		r.index = 0
	}
	ifr, err := unix.NewIfreq(r.name)
	if err != nil {
		return Gone // too long to be one
	}
	if err := unix.IoctlIfreq(r.fd, unix.SIOCGIFINDEX, ifr); err != nil {
		return Gone
	}
	index := int(ifr.Uint32())
	if err := r.bind(index); err != nil {
		return Gone // removed again between the two calls: looked at again in a second
	}
	r.index = index
	return r.flags()
}

// flags returns the state of the interface r.name.
func (r *Ring) flags() State {
	ifr, err := unix.NewIfreq(r.name)
	if err != nil {
		return Gone
	}
	if err := unix.IoctlIfreq(r.fd, unix.SIOCGIFFLAGS, ifr); err != nil {
		return Gone
	}
	switch f := ifr.Uint16(); {
	case f&unix.IFF_UP == 0:
		return Down
	case f&unix.IFF_RUNNING == 0:
		return NoCarrier
	}
	return Up
}

// nameOf returns the name of interface index.
func (r *Ring) nameOf(index int) (string, error) {
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return "", err
	}
	ifr.SetUint32(uint32(index))
	if err := unix.IoctlIfreq(r.fd, unix.SIOCGIFNAME, ifr); err != nil {
		return "", err
	}
	return ifr.Name(), nil
}
