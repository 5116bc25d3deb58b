package uplink

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaOf compiles the JSON Schema of a kind or a message.
func schemaOf(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("schema", name+".json"))
	if err != nil {
		t.Fatalf("schema %s: %v", name, err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, doc []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return s.Validate(v)
}

// messages are the golden files of messages by their schema.
var messages = map[string][]string{
	"up-rec": {"batch.json"}, "up-hello": {"hello.json"}, "up-ckpt": {"ckpt.json"}, "up-state": {"state.json", "state-alarm.json", "will.json"},
	"up-occ": {"occ.json"}, "up-result": {"result.json"}, "down-receipt": {"receipt.json"}, "down-want": {"want.json"},
	"down-cmd": {"cmd-message.json"},
}

// TestExamplesValidate: every golden file is an example of its schema, and there is one for each.
func TestExamplesValidate(t *testing.T) {
	examples := maps.Clone(messages)
	for _, k := range Kinds() {
		examples[string(k)] = []string{string(k) + ".json"}
	}
	examples["open"] = append(examples["open"], "open-use.json")
	examples["close"] = append(examples["close"], "close-use.json")
	examples["gap"] = append(examples["gap"], "gap-kinds.json")
	examples["health"] = append(examples["health"], "health-card.json", "health-sent.json", "health-miss.json", "health-wrong.json")
	examples["security"] = append(examples["security"], "security-mirror.json")
	examples["after-hours"] = append(examples["after-hours"], "after-hours-unsure.json")
	for name, files := range examples {
		s := schemaOf(t, name)
		for _, file := range files {
			doc, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			if err := validate(t, s, doc); err != nil {
				t.Errorf("%s is no %s: %v", file, name, err)
			}
		}
	}
	have, err := filepath.Glob("schema/*.json")
	if err != nil || len(have) != len(examples) {
		t.Errorf("%d schemas, %v; want one for each of %d kinds and messages", len(have), err, len(examples))
	}
}

// TestSchemasRefuse: what the code refuses, the schemas refuse.
func TestSchemasRefuse(t *testing.T) {
	f := func(name, file, old, with string) {
		t.Helper()
		doc, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Replace(doc, []byte(old), []byte(with), 1)
		if bytes.Equal(bad, doc) {
			t.Fatalf("%s has no %s", file, old)
		}
		if validate(t, schemaOf(t, name), bad) == nil {
			t.Errorf("%s with %s passes", file, with)
		}
	}
	f("open", "open.json", `"c":86`, `"c":101`)
	f("open", "open.json", `"k":"open"`, `"k":"close"`)
	f("open", "open.json", `u3mJq0yZcRE`, `short`)
	f("open", "open.json", `"tq":"sync"`, `"tq":"none"`)
	f("open", "open.json", `"m":8123456,`, ``)
	f("boot", "boot.json", `"t":null`, `"t":1`)
	f("anchor", "anchor.json", `1795000000123`, `null`)
	f("open", "open-use.json", `"of":"use"`, `"of":"play"`)
	f("close", "close.json", `idle-timeout`, `Idle-Timeout`)
	f("vantage", "vantage.json", `"lost":12`, `"lost":10001`)
	f("vantage", "vantage.json", `,"of":56000`, ``)
	f("security", "security.json", `"n":3`, `"n":0`)
	f("after-hours", "after-hours.json", `"stage":"alert"`, `"stage":"Alert"`)
	f("after-hours", "after-hours.json", `2026-11-24`, `24/11/2026`)
	f("after-hours", "after-hours.json", `22:00-08:00`, `22:00-25:00`)
	f("after-hours", "after-hours.json", `"peak":4`, `"peak":0`)
	f("maint", "maint.json", `"by":"owner"`, `"by":"Owner"`)
	f("maint", "maint.json", `"to":1795053600000`, `"to":0`)
	f("dispute", "dispute.json", `"seq":182701`, `"seq":0`)
	f("dispute", "dispute.json", `Thợ`, `\u202ethợ`)
	f("dispute", "dispute.json", `Thợ`, `\u0007thợ`)
	f("up-rec", "batch.json", `"from":1`, `"from":0`)
	f("up-rec", "batch.json", `"role":"pc"`, `"role":"DESKTOP-1"`) // through the record's own schema
	f("up-occ", "occ.json", `SS-S--`, `SS-X--`)
	f("down-receipt", "receipt.json", `LPRz`, ``)
}

// TestSchemasMatchTypes: a schema has the fields that the Go type has, in its order for required ones.
func TestSchemasMatchTypes(t *testing.T) {
	types := map[string]any{
		"up-rec": wireBatch{}, "up-hello": Hello{}, "up-ckpt": Checkpoint{}, "up-state": State{}, "up-occ": Occ{},
		"up-result": Result{}, "down-receipt": Receipt{}, "down-want": Want{}, "down-cmd": Command{},
	}
	for _, b := range bodies() {
		types[string(b.Kind())] = reflect.ValueOf(b).Elem().Interface()
	}
	for name, v := range types {
		var s struct {
			Properties map[string]any `json:"properties"`
			Required   []string       `json:"required"`
		}
		text, err := os.ReadFile(filepath.Join("schema", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		all, required := fields(reflect.TypeOf(v))
		if _, record := v.(interface{ stamp() Stamp }); record {
			all, required = append(all, "k"), append(required, "k")
		}
		slices.Sort(all)
		slices.Sort(required)
		if got := slices.Sorted(maps.Keys(s.Properties)); !slices.Equal(got, all) {
			t.Errorf("%s: schema has %v, the type %v", name, got, all)
		}
		if got := slices.Sorted(slices.Values(s.Required)); !slices.Equal(got, required) {
			t.Errorf("%s: schema requires %v, the type always writes %v", name, got, required)
		}
	}
}

// fields returns the JSON names of a struct, and those that are always written.
func fields(t reflect.Type) (all, required []string) {
	for f := range t.Fields() {
		if f.Anonymous {
			a, r := fields(f.Type)
			all, required = append(all, a...), append(required, r...)
			continue
		}
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, name)
		if !strings.HasPrefix(opts, "omit") {
			required = append(required, name)
		}
	}
	return all, required
}

// TestAsyncAPI: the document has every leaf with its address, QoS and retain flag, and every message's schema.
func TestAsyncAPI(t *testing.T) {
	var doc struct {
		AsyncAPI string `json:"asyncapi"`
		Channels map[string]struct {
			Address  string `json:"address"`
			Messages map[string]struct {
				Ref string `json:"$ref"`
			} `json:"messages"`
		} `json:"channels"`
		Operations map[string]struct {
			Action   string `json:"action"`
			Bindings struct {
				MQTT struct {
					QoS    byte `json:"qos"`
					Retain bool `json:"retain"`
				} `json:"mqtt"`
			} `json:"bindings"`
		} `json:"operations"`
		Components struct {
			Messages map[string]struct {
				Payload struct {
					Ref string `json:"$ref"`
				} `json:"payload"`
			} `json:"messages"`
		} `json:"components"`
	}
	text, err := os.ReadFile("asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.AsyncAPI != "3.0.0" || len(doc.Channels) != len(leaves) || len(doc.Operations) != len(leaves) {
		t.Errorf("asyncapi %s, %d channels, %d operations, want 3.0.0 and %d of each",
			doc.AsyncAPI, len(doc.Channels), len(doc.Operations), len(leaves))
	}
	for _, l := range leaves {
		name := strings.ReplaceAll(string(l), "/", "-")
		ch, op := doc.Channels[name], doc.Operations[name]
		address := root + "{province}/{shard}/{box}/" + string(l)
		if l == DownCommand {
			address += "/{id}"
		}
		action := "send"
		if strings.HasPrefix(string(l), "down/") {
			action = "receive"
		}
		qos, retain := l.Delivery()
		if ch.Address != address || op.Action != action || op.Bindings.MQTT.QoS != qos || op.Bindings.MQTT.Retain != retain {
			t.Errorf("%s: address %s, %s, %+v; want %s, %s, qos %d, retain %v", l, ch.Address, op.Action, op.Bindings.MQTT,
				address, action, qos, retain)
		}
		for m, ref := range ch.Messages {
			if ref.Ref != "#/components/messages/"+m || messages[m] == nil ||
				doc.Components.Messages[m].Payload.Ref != "schema/"+m+".json" {
				t.Errorf("%s: message %s leads to %q, then %q", l, m, ref.Ref, doc.Components.Messages[m].Payload.Ref)
			}
		}
	}
}
