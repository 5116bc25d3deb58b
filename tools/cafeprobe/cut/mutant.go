package cut

import (
	"slices"

	"cafeprobe/firmware/init/part"
	"cafeprobe/firmware/vm"
)

// Careless lets nothing be flushed: what a program takes for written may be lost for ever. It is a Replay.Change, to see that cuts do harm.
func Careless(log *vm.Log) {
	for i := range log.Writes {
		log.Writes[i].Flush, log.Writes[i].FUA = false, false
	}
}

// Hasty lets the boot state be written before the slot that it says is to be tried. It is a Replay.Change, to see that cuts do harm.
func (r *Recording) Hasty() func(*vm.Log) {
	return func(log *vm.Log) {
		i := slices.IndexFunc(r.Phases, func(p Phase) bool { return p.Name == Update })
		from, to := log.Before(r.Phases[i].From), log.Before(r.Phases[i+1].From)
		at := r.Parts[part.State]
		var first, rest []vm.Write
		for _, w := range log.Writes[from:to] {
			if len(w.Data) > 0 && w.Offset >= at && w.Offset < at+stateSize {
				first = append(first, w, vm.Write{Flush: true})
			} else {
				rest = append(rest, w)
			}
		}
		moved := append(first, rest...)
		for i := range moved { // still in order
			moved[i].Logged = log.Writes[min(from+i, to-1)].Logged
		}
		log.Writes = slices.Replace(log.Writes, from, to, moved...)
	}
}
