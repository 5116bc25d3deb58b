package image

import "fmt"

// record is how many octets of the kernel's last words are kept, as many as a report of PID 1's has.
const record = 64 << 10

// ramoops returns the parameters by which the kernel finds the memory for its last words (Documentation/admin-guide/ramoops.rst). They
// carry a code that mends single octets: memory that is refreshed by nobody for the moment of a reset forgets some.
func (m *Model) ramoops() string {
	return fmt.Sprintf("ramoops.mem_address=%#x ramoops.mem_size=%#x ramoops.record_size=%#x ramoops.ecc=1 pstore.kmsg_bytes=%d",
		m.Crash.Address, m.Crash.Size, record, record-4096)
}
