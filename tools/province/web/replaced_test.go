package web

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cafeprobe/tools/province/store"
	"cafeprobe/uplink"
)

// TestReplaced: a café whose box was replaced is one card, which says so and why; the night of the change is told once, with
// what both boxes counted; the old box that comes back is told of. What the officer wrote is text.
func TestReplaced(t *testing.T) {
	when := time.Date(2026, 11, 24, 18, 30, 0, 0, time.UTC) // the 25th in Vietnam
	_, _, h := serve(t, func(tx *store.Tx) error {
		tells := func(box, chain, stage string) (store.Chain, error) {
			if err := cafe(tx, box, when, occ("A", 1, 1, 0, when, uplink.QualitySync)); err != nil {
				return store.Chain{}, err
			}
			c, err := tx.NewChain(box, chain, make([]byte, 32), make([]byte, 32), when)
			if err != nil {
				return c, err
			}
			return c, errors.Join(tx.Night(c, 1, "2026-11-24", stage),
				tx.Insert(c, []store.Record{{Seq: 1, Hash: make([]byte, 32), Body: nightRecord(stage, nil)}}, when))
		}
		_, err1 := tells("b-00000001", "k3v9Qd2x", uplink.StageAlert)
		err2 := tx.SetSites(map[string]store.Site{"b-00000001": {Name: "Net Hoa Ban"}})
		r, err3 := tx.Replace(store.Replacement{Old: "b-00000001", New: "b-00000017", At: when, By: "Lân", Why: evil, Known: store.ByLabel})
		c, err4 := tells("b-00000017", "Zp0_q-7a", uplink.StageWatch)
		_, err5 := tx.Returned("b-00000001", when, when.Add(time.Hour))
		_, err6 := tx.Replace(store.Replacement{Old: "b-00000017", New: "b-00000017", At: when.Add(48 * time.Hour), Known: store.ByID})
		return errors.Join(err1, err2, err3, err4, err5, err6, tx.Succeed(r, c, "note", when))
	})
	f := func(query string, want ...string) {
		t.Helper()
		page, _ := fetch(t, h.URL+query)
		for _, want := range want {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %q in %s", query, want, page)
			}
		}
		cards := page[strings.Index(page, `id="cafes"`):strings.Index(page, `id="nights"`)]
		nights := page[strings.Index(page, `id="nights"`):strings.Index(page, `id="newest"`)]
		if n, m := strings.Count(cards, "<h3>"), strings.Count(nights, "<h3>Net Hoa Ban</h3>"); n != 1 || m != 1 {
			t.Errorf("%s: %d cards and %d nights, want the café once and its night once", query, n, m)
		}
		if !strings.Contains(nights, `class="alert"`) {
			t.Errorf("%s: the alert that the old box told is gone: %s", query, nights)
		}
		if strings.Contains(page, "<script>alert") {
			t.Errorf("%s: what an officer wrote is more than text", query)
		}
	}
	f("", "Thiết bị được thay ngày 25/11/2026, trước đó là b-00000001.", "Thẻ nhớ hoặc bo mạch của thiết bị được thay ngày 27/11/2026.",
		"Thiết bị đã được thay (b-00000001) tìm cách kết nối lại lúc 02:30:00 25/11/2026 và bị từ chối.", "Đang chờ thiết bị mới gửi tin lần đầu.",
		"Lý do: &#34;&#39;&gt;&lt;script", "Thiết bị trước khi thay (b-00000001): Từ ")
	f("/?lang=en", "The box was replaced on 25/11/2026; before, it was b-00000001.", "The card or board of the box was replaced on 27/11/2026.",
		"The box that was replaced (b-00000001) tried to come back at 02:30:00 25/11/2026 and was refused.", "The new box has not been heard yet.",
		"The box before it was replaced (b-00000001): From ")
	api, _ := fetch(t, h.URL+"/api/v1/cafes")
	for _, want := range []string{`"replaced":"2026-11-27T01:30:00+07:00"`, `"before":"b-00000017"`} {
		if !strings.Contains(api, want) {
			t.Errorf("no %s in %s", want, api)
		}
	}
}
