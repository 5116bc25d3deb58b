package sight

import (
	"testing"
	"time"

	"cafeprobe/capture"
	"cafeprobe/firmware/cafe"
	"cafeprobe/firmware/state"
	"cafeprobe/tools/sim"
)

// when is a minute of a station.
type when struct {
	mac   capture.MAC
	start int64
}

// TestJudged: a model judges the minutes that are made up as the café judges those of the observations, and both mostly as
// the truth is.
func TestJudged(t *testing.T) {
	var all, n, same, byCafe, byModel int
	for seed := uint64(50); seed < 56; seed++ {
		r := room(t, seed, sim.Options{
			Stations: 12, For: 4 * time.Hour, MirrorLost: sim.No, PowerCut: sim.No,
			SecondSwitch: sim.No,
		})
		judged := map[when]string{}
		c := cafe.New(cafe.Config{Vantage: cafe.GradeA})
		take := func(events []cafe.Event) {
			for _, e := range events {
				for _, d := range e.Occupancy {
					if e.Kind == cafe.EventMinute {
						judged[when{d.Station.MAC, e.Time}] = d.State.String()
					}
				}
			}
		}
		Play(r, nil, func(o *capture.Observation) { take(c.Observe(o)) })
		take(c.Finish())
		models, truth := map[int]*state.Model{}, map[when]state.State{}
		see := func(i int, s *state.Settled) {
			k := when{r.Stations[i].MAC, s.Start}
			got, ok := judged[k]
			if !ok {
				return // the café knows a station from its second minute on
			}
			all++
			if got == s.State.String() {
				same++
			}
			if r.Stations[i].Role != sim.PC {
				return // the staff comes and goes by the minute
			}
			n++
			if got == truth[k].String() {
				byCafe++
			}
			if s.State == truth[k] {
				byModel++
			}
		}
		Minutes(r, nil, func(x *Told) {
			m := models[x.Station]
			if m == nil {
				m = state.New(state.Builtin())
				models[x.Station] = m
			}
			truth[when{r.Stations[x.Station].MAC, x.Minute.Start}] = x.State
			if s, ok := m.Step(x.Minute); ok {
				see(x.Station, &s)
			}
		})
		for i, m := range models {
			m.Flush(func(s *state.Settled) { see(i, s) })
		}
	}
	alike := float64(same) / float64(all)
	share := func(k int) float64 { return float64(k) / float64(n) }
	t.Logf("%d minutes: judged alike %.4f; of guests' PCs right by the café %.4f, by a model of the minutes %.4f", all,
		alike, share(byCafe), share(byModel))
	if n < 6000 || alike < 0.97 || share(byCafe) < 0.95 || share(byModel) < 0.95 {
		t.Error("observations and minutes are not judged alike, or not right")
	}
}
