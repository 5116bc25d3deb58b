package owner

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"

	"cafeprobe/uplink"
	"cafeprobe/uplink/schema"
)

// sent is one kind of record or one message in words.
type sent struct {
	Name, What string
	Fields     []sentField
}

type sentField struct {
	Name, What string
	Own        bool // not one of those that every record has
}

// sheet is what the privacy page shows, in one language.
type sheet struct{ Records, Up, Down []sent }

// privacy shows what is sent.
func (s *Server) privacy(w http.ResponseWriter, r *http.Request) {
	body, err := sheets[chosen(r)]()
	if err != nil {
		s.log.Error("the owner's page", "error", err)
		s.refuse(w, r, http.StatusInternalServerError, "refused.fault")
		return
	}
	s.show(w, r, http.StatusOK, "privacy", body, "")
}

// sheets are read when they are first asked for.
var sheets = map[*lang]func() (sheet, error){
	vietnamese: sync.OnceValues(func() (sheet, error) { return sheetOf(vietnamese) }),
	english:    sync.OnceValues(func() (sheet, error) { return sheetOf(english) }),
}

// sheetOf says all schemas in words: the records in the order of the documents, then the messages.
func sheetOf(l *lang) (sheet, error) {
	all, err := schema.All()
	if err != nil {
		return sheet{}, err
	}
	by := map[string]sent{}
	var out sheet
	for _, s := range all {
		e := sentOf(l, s)
		by[s.Name] = e
		switch {
		case strings.HasPrefix(s.Name, "up-"):
			out.Up = append(out.Up, e)
		case strings.HasPrefix(s.Name, "down-"):
			out.Down = append(out.Down, e)
		}
	}
	for _, k := range uplink.Kinds() {
		if e, ok := by[string(k)]; ok {
			out.Records = append(out.Records, e)
		}
	}
	return out, nil
}

func sentOf(l *lang, s schema.Schema) sent {
	e := sent{Name: s.Name, What: l.word("rec."+s.Name, "", s.Title)}
	var walk func(path string, fs []schema.Field)
	walk = func(path string, fs []schema.Field) {
		for _, f := range fs {
			name := path + f.Name
			_, own := texts["field."+s.Name+"."+name]
			what := l.word("field."+s.Name+"."+name, "field.*."+name, f.Description)
			e.Fields = append(e.Fields, sentField{name, what, own || !slices.Contains([]string{"k", "m", "t", "tq", "v", "ch"}, name)})
			walk(name+".", f.Fields)
		}
	}
	walk("", s.Fields)
	return e
}

// word returns the text of key, else that of the common key; in English what the schema says where neither has one.
func (l *lang) word(key, common, fromSchema string) string {
	t, ok := texts[key]
	if !ok {
		t = texts[common]
	}
	if l == english {
		return cmp.Or(t.en, fromSchema)
	}
	return l.pick(t)
}
