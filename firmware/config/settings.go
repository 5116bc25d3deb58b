package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cafeprobe/uplink/durable"
)

// Settings is the part of a Config that the province may change from afar: nothing by which a box could be led to another
// province, another file or another line. A field that is nil is left as it is.
type Settings struct {
	Cafe struct {
		Vantage *string   `json:"vantage,omitempty"`
		Silence *Duration `json:"silence,omitempty"`
		Summary *Duration `json:"summary,omitempty"`

		Category  *string `json:"category,omitempty"`
		Forbidden *string `json:"forbidden,omitempty"`
	} `json:"cafe"`
	Uplink struct {
		Retry *Duration `json:"first_retry,omitempty"`
		Delay *Duration `json:"delay,omitempty"`
	} `json:"uplink"`
}

// SettingsFile is the file in Config.Dir in which what was set is kept; it stands over the configuration file.
const SettingsFile = "settings.json"

// ParseSettings reads one JSON object. It returns an error that wraps ErrConfig for a field that may not be set.
func ParseSettings(b []byte) (s Settings, err error) {
	if len(b) > maxFile {
		return s, fmt.Errorf("%w: more than %d octets", ErrConfig, maxFile)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return s, fmt.Errorf("%w: settings: %w", ErrConfig, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("%w: settings: something follows behind their end", ErrConfig)
	}
	return s, nil
}

// With returns c with s, and the names of the fields that are others now. The error wraps ErrConfig if c would not be
// valid.
func (c Config) With(s Settings) (next Config, changed []string, err error) {
	next = c
	changed = put(changed, "cafe.vantage", &next.Cafe.Vantage, s.Cafe.Vantage)
	changed = put(changed, "cafe.silence", &next.Cafe.Silence, s.Cafe.Silence)
	changed = put(changed, "cafe.summary", &next.Cafe.Summary, s.Cafe.Summary)
	changed = put(changed, "cafe.category", &next.Cafe.Category, s.Cafe.Category)
	changed = put(changed, "cafe.forbidden", &next.Cafe.Forbidden, s.Cafe.Forbidden)
	changed = put(changed, "uplink.first_retry", &next.Uplink.Retry, s.Uplink.Retry)
	changed = put(changed, "uplink.delay", &next.Uplink.Delay, s.Uplink.Delay)
	return next, changed, next.valid()
}

func put[T comparable](changed []string, name string, field, value *T) []string {
	if value == nil || *value == *field {
		return changed
	}
	*field = *value
	return append(changed, name)
}

// WithSettings returns c with what is kept in its folder. A file that cannot be used is an error, and c is as it was.
func (c Config) WithSettings() (Config, error) {
	path := filepath.Join(c.Dir, SettingsFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read settings: %w", err)
	}
	s, err := ParseSettings(b)
	if err == nil {
		var next Config
		if next, _, err = c.With(s); err == nil {
			return next, nil
		}
	}
	return c, fmt.Errorf("%s: %w: remove it, and set again", path, err)
}

// Keep writes all that may be set, as it is in c, to c's folder.
func (c Config) Keep() error {
	var s Settings
	s.Cafe.Vantage, s.Cafe.Silence, s.Cafe.Summary = &c.Cafe.Vantage, &c.Cafe.Silence, &c.Cafe.Summary
	s.Cafe.Category, s.Cafe.Forbidden = &c.Cafe.Category, &c.Cafe.Forbidden
	s.Uplink.Retry, s.Uplink.Delay = &c.Uplink.Retry, &c.Uplink.Delay
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(c.Dir, SettingsFile), append(b, '\n'))
}
