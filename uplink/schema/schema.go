// Package schema holds the JSON Schemas of all records and messages, for who wants to say what there is in them.
package schema

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

//go:embed *.json
var files embed.FS

// Schema is one kind of record, or one message: those that begin with "up-" are sent to the province, those with "down-" come from it.
type Schema struct {
	Name   string // after-hours, up-rec
	Title  string // in English
	Fields []Field
}

// Field is one field, in the order of the schema.
type Field struct {
	Name        string
	Description string  // in English, may be empty
	Fields      []Field // of an object, or of each object of a list
}

// All returns all schemas by the order of their names. An error is a mistake in a file, which a test finds.
func All() ([]Schema, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	out := make([]Schema, 0, len(entries))
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		var s struct {
			Title      string `json:"title"`
			Properties fields `json:"properties"`
		}
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, fmt.Errorf("schema %s: %w", e.Name(), err)
		}
		out = append(out, Schema{strings.TrimSuffix(e.Name(), ".json"), s.Title, s.Properties})
	}
	return out, nil
}

// fields are the members of an object in their order.
type fields []Field

// UnmarshalJSON reads an object of properties.
func (f *fields) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("properties are no object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var p struct {
			Description string `json:"description"`
			Properties  fields `json:"properties"`
			Items       struct {
				Properties fields `json:"properties"`
			} `json:"items"`
		}
		if err := d.Decode(&p); err != nil {
			return err
		}
		*f = append(*f, Field{fmt.Sprint(name), p.Description, append(p.Properties, p.Items.Properties...)})
	}
	return nil
}
