// Package inspect shows what the box sees in captures: for the technician as a table, for machines and tests as one JSON
// document. It is the technician's view: names and addresses appear here and never in a record.
package inspect

import (
	"time"

	"cafeprobe/firmware/cafe"
)

// Document is what was found. Its keys are fixed by the project's documents; more may be added, none is renamed.
type Document struct {
	V        int       `json:"v"`
	Capture  Capture   `json:"capture"`
	Vantage  Vantage   `json:"vantage"`
	Stations []Station `json:"stations"`
	Names    []Asked   `json:"names"`
	Titles   []Used    `json:"titles"`
	Titled   Octets    `json:"titled"`
	DHCP     []Lease   `json:"dhcp"`     // every client address that DHCP spoke of, also of one that is no station here
	Services []Service `json:"services"` // who serves
	Agents   []Agent   `json:"agents"`   // HTTP programs
	Wakes    []Wake    `json:"wakes"`    // Wake-on-LAN
	Hosts    []Host    `json:"hosts"`    // who calls itself what, also where no station can be made of it
}

// Capture sums up what was read.
type Capture struct {
	Files     int    `json:"files"`
	Frames    uint64 `json:"frames"`
	Octets    uint64 `json:"octets"`
	Malformed uint64 `json:"malformed"` // frames in which a length or checksum lies
	Damaged   uint64 `json:"damaged"`   // records of the files that could not be read
	First     Time   `json:"first"`
	Last      Time   `json:"last"`
	Link      string `json:"link"`
}

// Vantage is how much of the café could be seen.
type Vantage struct {
	Grade      string   `json:"grade"`
	Word       string   `json:"word"` // the reason, in the word that a record has
	Why        []string `json:"why"`
	Confidence float64  `json:"confidence"`
	Both       int      `json:"both"`   // stations heard in both directions
	Hidden     []string `json:"hidden"` // stations that should be, and are heard by broadcasts only
	Loss       *Loss    `json:"loss"`   // null where too little was acknowledged to say
}

// Loss is what the mirror is thought to have dropped.
type Loss struct {
	Share  float64 `json:"share"`  // 0 to 1, of the TCP payload that stations acknowledged
	Octets uint64  `json:"octets"` // how much that was
}

// NewVantage returns v as the document has it.
func NewVantage(v cafe.Vantage) Vantage {
	d := Vantage{
		Grade: string(v.Grade), Word: string(v.Word), Why: v.Why, Confidence: v.Confidence, Both: v.Both, Hidden: []string{},
	}
	for _, m := range v.Hidden {
		d.Hidden = append(d.Hidden, m.String())
	}
	if share, ok := v.Loss.Share(); ok {
		d.Loss = &Loss{Share: share, Octets: v.Loss.Came + v.Loss.Lost}
	}
	return d
}

// Station is one station.
type Station struct {
	MAC      string    `json:"mac"`
	Was      []string  `json:"was,omitempty"` // cards that the computer had before
	Role     string    `json:"role"`
	Vendor   string    `json:"vendor"`
	OS       string    `json:"os"`
	Addrs    []string  `json:"addrs"`
	Now      []string  `json:"now"` // of Addrs, those that it has at the end, as far as is seen
	VLAN     []uint16  `json:"vlan"`
	Names    []Called  `json:"names"`
	DHCP     *Lease    `json:"dhcp,omitempty"`
	First    Time      `json:"first"`
	Last     Time      `json:"last"`
	Frames   uint64    `json:"frames"`
	Presence []Span    `json:"presence"` // when its frames were heard; a silence of 5 minutes ends one
	States   []State   `json:"states"`
	Sessions []Session `json:"sessions"` // of use; of what is no computer, as far as is known, those in Power
	Power    []Session `json:"power"`    // when it was on
	Titles   []Used    `json:"titles"`
}

// Called is a name that a station gives itself.
type Called struct {
	Name string `json:"name"`
	From string `json:"from"`
}

// Lease is what DHCP said of one client: single values are the first that was said, lists hold every different one.
type Lease struct {
	MAC         string   `json:"mac,omitempty"`
	Messages    []string `json:"messages"`
	Hostname    string   `json:"hostname"`
	FQDN        string   `json:"fqdn"`
	VendorClass string   `json:"vendor_class"`
	Params      []int    `json:"params"`
	ClientUUID  string   `json:"client_uuid"`
	ClientArch  *int     `json:"client_arch"`
	UserClass   string   `json:"user_class"`
	ClientID    string   `json:"client_id"`
	Requested   string   `json:"requested"`

	Hostnames     []string `json:"hostnames"`
	VendorClasses []string `json:"vendor_classes"`
	ParamLists    [][]int  `json:"param_lists"`
	Requests      []string `json:"requests"`
	Offered       []string `json:"offered"`
	Acked         []string `json:"acked"`
	Ciaddrs       []string `json:"ciaddrs"`
	ServerIDs     []string `json:"server_ids"`
	Bootfiles     []string `json:"bootfiles"`
	Orders        [][]int  `json:"option_orders"`
}

// Span is a stretch of time.
type Span struct {
	Start Time `json:"start"`
	End   Time `json:"end"`
}

// State is what a station did for a while, with its probability.
type State struct {
	State string  `json:"state"`
	From  Time    `json:"from"`
	To    Time    `json:"to"`
	P     float64 `json:"p"`
}

// Session is a time for which a station was in use, or on.
type Session struct {
	Start      Time     `json:"start"`
	End        Time     `json:"end"`
	StartErr   float64  `json:"start_err_s"`
	EndErr     float64  `json:"end_err_s"`
	Opened     string   `json:"opened"`
	Cause      string   `json:"cause"`
	Confidence float64  `json:"confidence"`
	Why        []string `json:"why"`
	WhyVI      []string `json:"why_vi,omitempty"` // the same in Vietnamese
}

// Asked is a name that a client asked for, N times.
type Asked struct {
	Client string `json:"client"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	N      int    `json:"n"`
}

// Used is a title that a client, or a station, used.
type Used struct {
	Client  string  `json:"client,omitempty"`
	Title   string  `json:"title"`
	Class   string  `json:"class"`
	Seconds float64 `json:"seconds"`
	Played  float64 `json:"played_seconds"` // with the game's own flow, or a call's: a launcher alone is none
	Flows   int     `json:"flows"`
}

// Octets says of how much of the traffic the title is known, in octets on the wire.
type Octets struct {
	All   uint64 `json:"all"`
	Known uint64 `json:"known"`
}

// Service is something that a station offers to others.
type Service struct {
	MAC  string `json:"mac"`
	Addr string `json:"addr"`
	What string `json:"what"`
	Port uint16 `json:"port"`
	Name string `json:"name,omitempty"`
	N    int    `json:"n"`
}

// Host is a name that somebody at an address gives itself.
type Host struct {
	MAC  string `json:"mac"`
	Addr string `json:"addr"`
	Name string `json:"name"`
	From string `json:"from"`
	N    int    `json:"n"`
}

// Agent is how an HTTP client calls itself.
type Agent struct {
	Client string `json:"client"`
	Name   string `json:"name"`
	N      int    `json:"n"`
}

// Wake is a magic packet.
type Wake struct {
	From   string `json:"from"`
	Target string `json:"target"`
	Time   Time   `json:"time"`
}

// Time is nanoseconds since the Unix epoch, in JSON RFC 3339 UTC with fractions; 0 is null.
type Time int64

// MarshalJSON writes t with as many digits of a second as it has.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return []byte(`"` + t.String() + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = 0
		return nil
	}
	at, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	*t = Time(at.UnixNano())
	return err
}

// String returns t in RFC 3339, UTC.
func (t Time) String() string { return time.Unix(0, int64(t)).UTC().Format(time.RFC3339Nano) }
