package label

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var full = Label{
	Box: "b-7f3a91c2", QR: "cafeprobe 1 b-7f3a91c2 " + strings.Repeat("0123456789abcdef", 4), Code: "ABCDE-FGHJK",
	Address: "https://192.168.100.100", Page: "khương phương thương nhương xương đương",
}

var at = time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)

// TestWrite: a label has the size of a label, says all that it is given, and a scanner reads its code.
func TestWrite(t *testing.T) {
	for _, tool := range []string{"pdftotext", "pdftoppm", "pdfinfo"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(tool + " is not installed")
		}
	}
	f := func(name string, l Label, absent ...string) {
		t.Helper()
		var pdf, again bytes.Buffer
		if err := Write(&pdf, l, at); err != nil {
			t.Fatal(err)
		}
		if err := Write(&again, l, at); err != nil || !bytes.Equal(pdf.Bytes(), again.Bytes()) {
			t.Errorf("%s: the same label is written in two ways (%v)", name, err)
		}
		path := filepath.Join(t.TempDir(), "label.pdf")
		if err := os.WriteFile(path, pdf.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := exec.Command("pdfinfo", path).Output()
		if err != nil || !strings.Contains(string(info), "Pages:           1\n") || !strings.Contains(string(info), "175.75 x 82.2") {
			t.Errorf("%s: %v, want one page of 62 x 29 mm: %s", name, err, info)
		}
		text, err := exec.Command("pdftotext", path, "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(strings.Fields(string(text)), " ")
		for _, want := range []string{l.Box, l.Address, l.Page} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: no %q in %q", name, want, said)
			}
		}
		for _, word := range absent {
			if strings.Contains(said, word) {
				t.Errorf("%s: it says %q", name, word)
			}
		}
		png := strings.TrimSuffix(path, ".pdf")
		if err := exec.Command("pdftoppm", "-png", "-r", "300", "-singlefile", path, png).Run(); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath("zbarimg"); err != nil {
			return // the code's encoder is not ours
		}
		read, err := exec.Command("zbarimg", "-q", "--raw", png+".png").Output()
		if got := strings.TrimSpace(string(read)); err != nil || got != l.QR {
			t.Errorf("%s: the code reads %q, %v, want %q", name, got, err, l.QR)
		}
	}
	f("all", full)
	six := full
	six.Address = "https://[2001:db8:1234:5678:9abc:def0:1234:5678]:8443"
	f("a long address", six)
	none := full
	none.Address, none.Page = "", ""
	f("no page", none, none.Code, "PIN")
	dhcp := full
	dhcp.Address = ""
	f("no address yet", dhcp)
}

// TestLong: what no code can hold is an error.
func TestLong(t *testing.T) {
	l := full
	l.QR = strings.Repeat("x", 5000)
	if err := Write(&bytes.Buffer{}, l, at); err == nil {
		t.Error("a text of 5000 octets was written")
	}
}
