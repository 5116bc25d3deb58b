package main

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"cafeprobe/uplink/export"
)

// province holds the key that receipts and links are signed with against the one that was given.
func (c *verifyCmd) province(r *export.Report) error {
	key := base64.RawURLEncoding.EncodeToString(r.Header.ReceiptKey[:])
	if c.Sign != "" && c.Sign != key {
		return fmt.Errorf("the province's signatures are of key %s, not of %s", key, c.Sign)
	}
	return nil
}

// cafe tells of several chains, and how they are linked.
func (c *verifyCmd) cafe(cafe *export.Cafe) (err error) {
	last := cafe.Chains[len(cafe.Chains)-1]
	if key := base64.RawURLEncoding.EncodeToString(last.Header.Key[:]); c.Key != "" && c.Key != key {
		err = fmt.Errorf("the last chain is signed with key %s, not with %s", key, c.Key)
	}
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", " ")
		err = errors.Join(err, enc.Encode(cafe))
	} else {
		printCafe(os.Stdout, cafe, c.Key != "", c.Sign != "")
	}
	if !cafe.Sound() {
		err = errors.Join(err, errUnsound)
	}
	return err
}

// printCafe prints each chain, then what holds them together, in English and Vietnamese.
func printCafe(w io.Writer, cafe *export.Cafe, checked, signer bool) {
	for i, r := range cafe.Chains {
		printReport(w, r, base64.RawURLEncoding.EncodeToString(r.Header.Key[:]), checked && i == len(cafe.Chains)-1)
	}
	for _, l := range cafe.Links {
		when := l.Replaced.Time().In(time.FixedZone("UTC+7", 7*60*60)).Format("15:04 02/01/2006")
		fmt.Fprintf(w, "linked   chain %s of %s goes on from chain %s of %s, record %d: replaced %s (%s: %s)\n", l.New.Chain, l.New.Box,
			l.Old.Chain, l.Old.Box, l.Old.Head.Seq, when, cmp.Or(l.By, "by nobody named"), cmp.Or(l.Why, "no reason given"))
		fmt.Fprintf(w, "         chuỗi %s của %s nối tiếp chuỗi %s của %s từ bản ghi %d: thay lúc %s (%s: %s)\n", l.New.Chain, l.New.Box,
			l.Old.Chain, l.Old.Box, l.Old.Head.Seq, when, cmp.Or(l.By, "không ghi tên"), cmp.Or(l.Why, "không ghi lý do"))
		if l.Later > 0 {
			fmt.Fprintf(w, "         %d records of the old chain came after that; they are linked to it by their hashes\n", l.Later)
			fmt.Fprintf(w, "         %d bản ghi của chuỗi cũ đến sau đó; chúng nối với chuỗi bằng mã băm\n", l.Later)
		}
	}
	for _, f := range cafe.Findings {
		fmt.Fprintf(w, "%-9s%s\n", f.What, f.Text)
	}
	key := base64.RawURLEncoding.EncodeToString(cafe.Chains[0].Header.ReceiptKey[:])
	switch {
	case len(cafe.Findings) > 0:
		fmt.Fprintln(w, "unsound  the chains do not hold together\n         các chuỗi không nối được với nhau")
	case signer:
		fmt.Fprintf(w, "province the links are signed with its key %s\n         các mối nối được ký bằng khóa của tỉnh\n", key)
	default:
		fmt.Fprintf(w, "province the links are signed with key %s: compare it with the province's, or give it with --province-key\n"+
			"         các mối nối được ký bằng khóa này: đối chiếu với khóa của tỉnh, hoặc dùng --province-key\n", key)
	}
}
