package uplink

// TechnicianUnit is what a technician's certificate has as its subject's organizational unit (RFC 5280 §4.1.2.6). The province's CA gives it
// to nobody else, so that a box's own certificate opens no other box's console.
const TechnicianUnit = "cafeprobe technician"
