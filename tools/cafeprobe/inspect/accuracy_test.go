package inspect

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"cafeprobe/capture/capturetest"
	"cafeprobe/capture/pcapfile"
)

// TestAccuracy compares inspect with what captures are known to hold: the shared ones, and the project's own from
// tools/lab. Of each it prints the table of what was expected, found, missed and extra for each kind, and fails below the
// figures of its file. -v lists what was missed.
func TestAccuracy(t *testing.T) {
	t.Run("shared captures", func(t *testing.T) {
		scores := map[string]*score{}
		docs := inspectAll(t)
		truth := byFile(capturetest.Truth(t))
		for file := range docs {
			judge(scores, file, docs[file], truth)
		}
		judgeVantage(t, scores, docs)
		judgeSwitches(t, scores, docs, truth)
		report(t, scores, "accuracy.tsv")
	})
	t.Run("own lab", func(t *testing.T) {
		scores := map[string]*score{}
		path, known := capturetest.Cafe(t)
		doc, err := Run(context.Background(), Config{}, path)
		if err != nil {
			t.Error(err)
		}
		judge(scores, filepath.Base(path), doc, byFile(known))
		scores["vantage"] = &score{}
		scores["vantage"].grade(filepath.Base(path), doc, "A") // the switch of the lab floods every frame
		report(t, scores, "accuracy_lab.tsv")
	})
	t.Run("own lab's day", func(t *testing.T) {
		scores := map[string]*score{}
		path, known := capturetest.Day(t)
		doc, err := Run(context.Background(), Config{}, path)
		if err != nil {
			t.Error(err)
		}
		judge(scores, filepath.Base(path), doc, byFile(known))
		scores["vantage"] = &score{}
		scores["vantage"].grade(filepath.Base(path), doc, "A")
		report(t, scores, "accuracy_day.tsv")
	})
}

// report prints scores, and complains of those below the figures of file.
func report(t *testing.T, scores map[string]*score, file string) {
	t.Helper()
	t.Log("\n" + table(scores))
	if testing.Verbose() {
		for _, kind := range slices.Sorted(maps.Keys(scores)) {
			s := scores[kind]
			if len(s.missed)+len(s.extra) == 0 {
				continue
			}
			t.Logf("%s: missed %s; extra %s", kind, some(s.missed), some(s.extra))
		}
	}
	for _, f := range floors(t, file) {
		s := scores[f.kind]
		if s == nil || s.expected == 0 {
			t.Errorf("%s asks for %s, of which nothing was expected", file, f.kind)
			continue
		}
		if s.recall() < f.recall {
			t.Errorf("%s: recall %.4f, want at least %.4f; missed: %s", f.kind, s.recall(), f.recall, some(s.missed))
		}
		if f.extra >= 0 && len(s.extra) > f.extra {
			t.Errorf("%s: %d extra, want at most %d: %s", f.kind, len(s.extra), f.extra, some(s.extra))
		}
	}
}

// score is what became of the facts of one kind.
type score struct {
	expected, found int
	missed, extra   []string
	judged          bool // extras were looked for
}

func (s *score) recall() float64 {
	if s.expected == 0 {
		return 1
	}
	return float64(s.found) / float64(s.expected)
}

// f1 is the harmonic mean of recall and precision.
func (s *score) f1() float64 {
	return 2 * float64(s.found) / float64(max(1, s.expected+s.found+len(s.extra)))
}

type floor struct {
	kind   string
	recall float64
	extra  int // -1: not judged
}

func floors(t *testing.T, file string) (list []floor) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		col := strings.Split(strings.TrimSpace(line), "\t")
		recall, err1 := strconv.ParseFloat(col[1], 64)
		extra, err2 := strconv.Atoi(col[2])
		if err := errors.Join(err1, err2); err != nil {
			t.Fatalf("%s: %q: %v", file, line, err)
		}
		list = append(list, floor{col[0], recall, extra})
	}
	return list
}

// inspectAll runs every capture. One whose tail is cut is still judged by what was read.
func inspectAll(t *testing.T) map[string]*Document {
	t.Helper()
	dir := capturetest.Shared(t)
	docs := map[string]*Document{}
	for _, pattern := range []string{"*.pcap", "*.pcapng"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			doc, err := Run(context.Background(), Config{}, path)
			if err != nil && !errors.Is(err, pcapfile.ErrTruncated) {
				t.Errorf("%s: %v", filepath.Base(path), err)
			}
			docs[filepath.Base(path)] = doc
		}
	}
	if len(docs) < 100 {
		t.Fatalf("%d captures, want at least 100", len(docs))
	}
	return docs
}

// facts are the rows of one file: kind → key → values.
type facts map[string][]capturetest.Fact

func byFile(known []capturetest.Fact) map[string]facts {
	all := map[string]facts{}
	for _, f := range known {
		if all[f.File] == nil {
			all[f.File] = facts{}
		}
		all[f.File][f.Kind] = append(all[f.File][f.Kind], f)
	}
	return all
}

func (fs facts) asserts(key string) string {
	for _, f := range fs["assert"] {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// adder scores one kind of one file: what was wanted and what was got. Extras are looked for where the last says so.
type adder = func(kind string, want, got map[string]bool, extras bool)

func judge(scores map[string]*score, file string, doc *Document, known map[string]facts) {
	fs := known[file]
	add := func(kind string, want, got map[string]bool, extras bool) {
		s := scores[kind]
		if s == nil {
			s = &score{}
			scores[kind] = s
		}
		for _, w := range slices.Sorted(maps.Keys(want)) {
			s.expected++
			if got[w] {
				s.found++
			} else {
				s.missed = append(s.missed, file+" "+w)
			}
		}
		if extras {
			s.judged = true
			for _, g := range slices.Sorted(maps.Keys(got)) {
				if !want[g] {
					s.extra = append(s.extra, file+" "+g)
				}
			}
		}
	}
	stations, addrs, names := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range doc.Stations {
		stations[s.MAC] = true
		for _, a := range s.Addrs {
			addrs[s.MAC+" "+a] = true
		}
		for _, n := range s.Names {
			names[s.MAC+" "+host(n.Name)] = true
			for _, a := range s.Addrs {
				names[a+" "+host(n.Name)] = true
			}
		}
	}
	for _, h := range doc.Hosts {
		names[h.MAC+" "+host(h.Name)] = true
		names[h.Addr+" "+host(h.Name)] = true
	}
	add("frames", frames(fs), map[string]bool{fmt.Sprint(doc.Capture.Frames): true}, false)
	if fs.asserts("stations") == "strict" {
		add("stations", keys(fs["station"]), stations, true)
		add("addresses", rows(fs["station_ip"], strings.ToLower), addrs, false)
	}
	if fs.asserts("hostnames") == "strict" {
		add("hostnames", rows(fs["hostname"], host), names, false)
	}
	judgeDHCP(add, file, doc, fs)
	judgeNames(add, file, doc, fs)
	judgeTitles(add, file, doc, known)
	judgeRoles(add, doc, fs)
	judgeSystems(add, doc, fs)
	judgePower(add, doc, fs)
	judgeWakes(add, doc, fs)
	judgeTimes(add, doc, fs)
}

// frames is how many there are.
func frames(fs facts) map[string]bool {
	set := map[string]bool{}
	for _, f := range fs["capture"] {
		if f.Key == "packets" {
			set[f.Value] = true
		}
	}
	return set
}

func judgeDHCP(add func(string, map[string]bool, map[string]bool, bool), file string, doc *Document, fs facts) {
	if strings.HasPrefix(file, "fuzz-") {
		return // octets were changed at random: rows are of frames whose checksums lie, of which nothing may be said
	}
	got := map[string]map[string]bool{}
	say := func(kind, mac, value string) {
		if value == "" {
			return
		}
		if got[kind] == nil {
			got[kind] = map[string]bool{}
		}
		got[kind][mac+" "+value] = true
	}
	for _, l := range doc.DHCP {
		say("dhcp_msgs", l.MAC, messages(l.Messages))
		for _, h := range append([]string{l.Hostname}, l.Hostnames...) {
			say("dhcp_hostname", l.MAC, h)
		}
		for _, v := range l.VendorClasses {
			say("dhcp_vendor_class", l.MAC, v)
		}
		for _, p := range l.ParamLists {
			say("dhcp_param_list", l.MAC, ints(p))
		}
		if l.ClientArch != nil {
			say("dhcp_client_arch", l.MAC, strconv.Itoa(*l.ClientArch))
		}
		say("dhcp_uuid", l.MAC, l.ClientUUID)
		say("dhcp_user_class", l.MAC, l.UserClass)
		say("dhcp_fqdn", l.MAC, l.FQDN)
		for _, list := range []struct {
			kind string
			has  []string
		}{
			{"dhcp_requested_ip", l.Requests},
			{"dhcp_offer_ip", l.Offered},
			{"dhcp_ack_ip", l.Acked},
			{"dhcp_ciaddr", l.Ciaddrs},
			{"dhcp_server_id", l.ServerIDs},
			{"dhcp_bootfile", l.Bootfiles},
		} {
			for _, v := range list.has {
				say(list.kind, l.MAC, v)
			}
		}
	}
	for _, kind := range []string{
		"dhcp_msgs", "dhcp_hostname", "dhcp_vendor_class", "dhcp_param_list", "dhcp_client_arch", "dhcp_uuid",
		"dhcp_user_class", "dhcp_fqdn", "dhcp_requested_ip", "dhcp_offer_ip", "dhcp_ack_ip", "dhcp_ciaddr",
		"dhcp_server_id", "dhcp_bootfile",
	} {
		want := rows(fs[kind], func(s string) string { return s })
		for _, c := range corrections {
			if c.file == file && want[c.wrong] {
				delete(want, c.wrong)
				want[c.right] = true
			}
		}
		add(kind, want, got[kind], false)
	}
}

// messages writes message types as the rows have them: those of RFC 4388 by number, and the first 60 only.
func messages(list []string) string {
	numbers := map[string]string{"LEASEQUERY": "10", "LEASEUNASSIGNED": "11", "LEASEUNKNOWN": "12", "LEASEACTIVE": "13"}
	words := slices.Clone(list[:min(60, len(list))])
	for i, w := range words {
		words[i] = cmp.Or(numbers[w], w)
	}
	return strings.Join(words, ",")
}

// corrections are rows of truth.tsv that say something else than the capture, and what it says.
var corrections = []struct{ file, wrong, right string }{
	// A Hue bridge has no port for the answers it is sent; the analyser reads what its ICMP errors quote (frames 193 and
	// 194) as messages of the bridge.
	{
		"lan-iot_lan_day_2016_09_07--derived.pcap",
		"00:17:88:24:76:ff DISCOVER,OFFER,REQUEST,ACK,OFFER,ACK", "00:17:88:24:76:ff DISCOVER,OFFER,REQUEST,ACK",
	},
	// Frames 5 and 8 have no time (simple packet blocks); the row has them first, here they come where the file has them.
	{
		"fmt-le_test202--gopacket.pcapng",
		"00:0b:82:01:fc:42 bootp1,bootp1,bootp1,bootp2,bootp2,bootp2", "00:0b:82:01:fc:42 bootp1,bootp2,bootp1,bootp2,bootp1,bootp2",
	},
}

func judgeNames(add func(string, map[string]bool, map[string]bool, bool), file string, doc *Document, fs facts) {
	got := map[string]map[string]bool{}
	for _, n := range doc.Names {
		if got[n.Kind] == nil {
			got[n.Kind] = map[string]bool{}
		}
		got[n.Kind][n.Client+" "+strings.ToLower(n.Name)] = true
	}
	for _, k := range []struct{ truth, kind, assert string }{
		{"sni", "sni", "sni"},
		{"quic_sni", "quic_sni", "sni"},
		{"dtls_sni", "dtls_sni", "sni"},
		{"http_host", "http_host", "sni"},
		{"dns_query", "dns", "dns"},
	} {
		if fs.asserts(k.assert) == "strict" {
			want := rows(fs[k.truth], counted)
			for _, c := range tunnelled {
				for row := range want {
					client, name, _ := strings.Cut(row, " ")
					if c.file == file && client == c.outer && got[k.kind][c.inner+" "+name] {
						delete(want, row)
						want[c.inner+" "+name] = true
					}
				}
			}
			for _, row := range unasked {
				if row.file == file {
					delete(want, row.client+" "+row.name)
				}
			}
			add(k.truth, want, got[k.kind], true)
		}
	}
}

// unasked are rows of dns_query that nobody asked: the analyser reads as questions what it should not.
var unasked = []struct{ file, client, name string }{
	// ICMP errors that quote the query of another (frames 38485 to 38501).
	{"mix-goprobe_default_kitchen_sink--derived.pcap", "85.215.94.29", "netsec.blog"},
	{"mix-goprobe_default_kitchen_sink--derived.pcap", "192.168.110.33", "netsec.blog"},
	// Later segments of zone transfers, from the servers' port 53, taken for messages of their own (2140, 15165).
	{"mix-goprobe_default_kitchen_sink--derived.pcap", "192.168.120.21", "<unknown extended label>"},
	{"mix-goprobe_default_kitchen_sink--derived.pcap", "2620:fe::fe", "<root>"},
}

// tunnelled are clients that the rows name by the outer address of their tunnel. A client is the innermost address.
var tunnelled = []struct{ file, outer, inner string }{
	{"encap-vxlan--ndpi.pcap", "192.168.22.4", "10.10.20.4"},
	{"encap-erspan--zeek.pcap", "10.200.0.3", "192.168.69.10"},
	{"mix-goprobe_default_kitchen_sink--derived.pcap", "216.66.80.30", "2003:180:2:4000:53:0:11:1"},
	{"mix-goprobe_default_kitchen_sink--derived.pcap", "216.66.80.30", "2003:180:2:4000:53:0:12:1"},
	{"mix-goprobe_default_kitchen_sink--derived.pcap", "216.66.80.30", "2a01:598:a000:4fcf:9050:995a:36a8:d0f0"},
}

// counted takes the count off a value such as "name;n=3".
func counted(v string) string {
	if i := strings.LastIndex(v, ";n="); i >= 0 {
		v = v[:i]
	}
	return strings.ToLower(v)
}

// host is how host names are compared: in lower case, without the domain.
func host(v string) string {
	v = strings.ToLower(strings.TrimSuffix(v, "."))
	v, _, _ = strings.Cut(v, ".")
	return v
}

func keys(fs []capturetest.Fact) map[string]bool {
	set := map[string]bool{}
	for _, f := range fs {
		set[f.Key] = true
	}
	return set
}

func rows(fs []capturetest.Fact, form func(string) string) map[string]bool {
	set := map[string]bool{}
	for _, f := range fs {
		set[f.Key+" "+form(f.Value)] = true
	}
	return set
}

func ints(list []int) string {
	s := make([]string, len(list))
	for i, n := range list {
		s[i] = strconv.Itoa(n)
	}
	return strings.Join(s, ",")
}

func some(list []string) string {
	const most = 12
	if len(list) > most {
		return fmt.Sprintf("%q and %d more", list[:most], len(list)-most)
	}
	return fmt.Sprintf("%q", list)
}

func table(scores map[string]*score) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "kind\texpected\tfound\tmissed\textra\trecall\tF1\t")
	for _, kind := range slices.Sorted(maps.Keys(scores)) {
		s := scores[kind]
		if s.expected+len(s.extra) == 0 {
			continue
		}
		extra, f1 := "-", "-"
		if s.judged {
			extra, f1 = strconv.Itoa(len(s.extra)), fmt.Sprintf("%.4f", s.f1())
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%.4f\t%s\t\n", kind, s.expected, s.found, len(s.missed), extra, s.recall(), f1)
	}
	w.Flush()
	return b.String()
}
