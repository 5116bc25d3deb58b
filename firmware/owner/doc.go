// Package owner is the page that a box serves to the owner of its café, on the uplink port alone: what the province sees of today
// and of the last 35 days, alerts with their reasons, proofs of nights, and two things that he may say himself, a maintenance and an
// objection to an alert. It is off until he sets a PIN with the code of the box's label.
//
// The page has no script and needs none, takes nothing from elsewhere, and works on a telephone. All that it knows of the box comes
// through the small interfaces of Config.
package owner
