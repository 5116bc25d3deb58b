package owner

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cafeprobe/firmware/hours"
	"cafeprobe/uplink"
	"cafeprobe/uplink/schema"
)

// verb matches what fmt fills in, with its place.
var verb = regexp.MustCompile(`%(\[\d\])?[a-z]`)

// TestLanguages: each text is there in both, with the same facts in it. English of the schemas' words is the schemas' own.
func TestLanguages(t *testing.T) {
	for key, x := range texts {
		ours := strings.HasPrefix(key, "field.") || strings.HasPrefix(key, "rec.")
		if x.vi == "" || x.en == "" && !ours {
			t.Errorf("%s: %q in Vietnamese, %q in English", key, x.vi, x.en)
		}
		if x.en == "" {
			continue
		}
		if a, b := verb.FindAllString(x.vi, -1), verb.FindAllString(x.en, -1); !slices.Equal(a, b) {
			t.Errorf("%s: verbs %v in Vietnamese, %v in English", key, a, b)
		}
		if strings.TrimSpace(x.vi) != x.vi || strings.TrimSpace(x.en) != x.en || !utf8.ValidString(x.vi) {
			t.Errorf("%s: blanks at an end: %q, %q", key, x.vi, x.en)
		}
	}
	if n := len(doorTexts) + len(dayTexts) + len(dataTexts) + len(wordTexts); n != len(texts) {
		t.Errorf("%d texts of %d: one key is given twice", len(texts), n)
	}
}

// TestTextsUsed: each text is said somewhere, and each that is said is there.
func TestTextsUsed(t *testing.T) {
	var source strings.Builder
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "texts") || path == "words.go" {
			return err
		}
		if !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".html") {
			return nil
		}
		text, err := os.ReadFile(path)
		source.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	said := source.String()
	families := []string{"weekday.", "title.", "done.", "why.", "lost.", "stage.", "by.", "key.", "gone.", "alert.why.", "field.", "rec.", "span."}
	for key := range texts {
		if strings.Contains(said, `"`+key+`"`) || slices.ContainsFunc(families, func(f string) bool { return strings.HasPrefix(key, f) }) {
			continue
		}
		t.Errorf("nothing says %s", key)
	}
	for _, m := range regexp.MustCompile(`(?:say\(|\{\{t |refuse\([^"\n]*)"([a-z0-9.]+)"`).FindAllStringSubmatch(said, -1) {
		if _, ok := texts[m[1]]; !ok && !strings.HasSuffix(m[1], ".") {
			t.Errorf("no text %s", m[1])
		}
	}
	for _, d := range dones {
		if _, ok := texts["done."+d]; !ok {
			t.Errorf("no text done.%s", d)
		}
	}
	for _, class := range append(slices.DeleteFunc(slices.Clone(classes[:]), func(s string) bool { return s == "" }), "night", "use", "on") {
		if _, ok := texts["key."+class]; !ok {
			t.Errorf("no text key.%s", class)
		}
	}
}

// TestPrivacyWords: each kind of record, each message and each of their fields has words in both languages, and no word is of a field that is
// gone. Who adds a field to a schema says here what it is.
func TestPrivacyWords(t *testing.T) {
	all, err := schema.All()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, l := range languages {
		for _, s := range all {
			e := sentOf(l, s)
			if e.What == "" {
				t.Errorf("%s: no words for %s", l.Code, s.Name)
			}
			used["rec."+s.Name] = true
			for _, f := range e.Fields {
				if f.What == "" {
					t.Errorf("%s: no words for the field %s of %s", l.Code, f.Name, s.Name)
				}
				used["field."+s.Name+"."+f.Name] = true
				used["field.*."+f.Name] = true
			}
		}
	}
	for key := range wordTexts {
		if !used[key] {
			t.Errorf("%s is of no schema", key)
		}
	}
	sheet, err := sheetOf(vietnamese)
	if err != nil || len(sheet.Records) != len(uplink.Kinds()) || len(sheet.Records)+len(sheet.Up)+len(sheet.Down) != len(all) {
		t.Errorf("%d records, %d up, %d down of %d schemas, %v", len(sheet.Records), len(sheet.Up), len(sheet.Down), len(all), err)
	}
}

// TestPrivacyPage: all of that is on the page.
func TestPrivacyPage(t *testing.T) {
	b := newBox(t, newRoom(t)).open()
	page := b.user("127.0.0.1").login().get("/privacy").body
	all, err := schema.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if !strings.Contains(page, "<code>"+s.Name+"</code></summary>") {
			t.Errorf("%s is not on the page", s.Name)
		}
	}
}

// TestTone: the words inform. None of them accuses, and none speaks of anybody's age (rule R9).
func TestTone(t *testing.T) {
	for key, x := range texts {
		text := strings.ToLower(x.vi + " " + x.en)
		for _, notice := range []string{"không phải kết luận vi phạm", "not a finding of an offence"} {
			text = strings.ReplaceAll(text, notice, "")
		}
		for _, word := range []string{"vi phạm", "trái phép", "gian", "trẻ em", "học sinh", "độ tuổi", "violat", "illegal", "offence", "child", "minor", "adult"} {
			if word == "gian" {
				text = strings.ReplaceAll(text, "thời gian", "")
			}
			if strings.Contains(text, word) {
				t.Errorf("%s says %q", key, word)
			}
		}
	}
}

func TestSpan(t *testing.T) {
	f := func(d time.Duration, vi, en string) {
		t.Helper()
		if a, b := vietnamese.span(d), english.span(d); a != vi || b != en {
			t.Errorf("%v: %q, %q; want %q, %q", d, a, b, vi, en)
		}
	}
	f(0, "0 phút", "0 min")
	f(59*time.Minute, "59 phút", "59 min")
	f(time.Hour, "1 giờ", "1 h")
	f(25*time.Hour+time.Minute, "25 giờ 1 phút", "25 h 1 min")
}

func TestNum(t *testing.T) {
	f := func(n int, vi, en string) {
		t.Helper()
		if a, b := vietnamese.num(n), english.num(n); a != vi || b != en {
			t.Errorf("%d: %q, %q; want %q, %q", n, a, b, vi, en)
		}
	}
	f(0, "0", "0")
	f(999, "999", "999")
	f(1131, "1.131", "1,131")
	f(1234567, "1.234.567", "1,234,567")
	f(-1000, "-1.000", "-1,000")
}

func TestDateWords(t *testing.T) {
	for d, want := range map[hours.Date]string{today: "thứ bảy, 28/11/2026", today + 1: "chủ nhật, 29/11/2026"} {
		if got := vietnamese.date(d); got != want {
			t.Errorf("%v: %q", d, got)
		}
	}
	if got := first(vietnamese.date(today)) + " " + first("đêm"); got != "Thứ bảy, 28/11/2026 Đêm" {
		t.Errorf("%q", got)
	}
}
