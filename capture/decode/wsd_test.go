package decode

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"

	"cafeprobe/capture"
)

// hello is what Windows 10 says when it starts (form of [MS-WSD] and of WS-Discovery 2005/04 §4.1).
const hello = `<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"
 xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:wsd="http://schemas.xmlsoap.org/ws/2005/04/discovery"
 xmlns:wsdp="http://schemas.xmlsoap.org/ws/2006/02/devprof"
 xmlns:pub="http://schemas.microsoft.com/windows/pub/2005/07"><soap:Header>
<wsa:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</wsa:To>
<wsa:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Hello</wsa:Action>
<wsa:MessageID>urn:uuid:9a3f1e0e-0000-0000-0000-000000000001</wsa:MessageID>
<wsd:AppSequence InstanceId="1" SequenceId="urn:uuid:1" MessageNumber="1"></wsd:AppSequence></soap:Header>
<soap:Body><wsd:Hello><wsa:EndpointReference><wsa:Address>urn:uuid:2</wsa:Address></wsa:EndpointReference>
<wsd:Types>wsdp:Device pub:Computer</wsd:Types>
<wsd:XAddrs>http://[fe80::1]:5357/2/ http://192.168.1.21:5357/2/</wsd:XAddrs>
<wsd:MetadataVersion>2</wsd:MetadataVersion></wsd:Hello></soap:Body></soap:Envelope>`

func TestWSD(t *testing.T) {
	f := func(name, message string, lines ...string) {
		t.Helper()
		want(t, name, udpFrom(3702, 3702, ssdpAll, []byte(message)), lines...)
	}
	const action = "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/"
	f("Hello", hello, "service wsd 5357 wsdp:Device pub:Computer")
	f("Hello with a byte order mark", "\xef\xbb\xbf"+hello, "service wsd 5357 wsdp:Device pub:Computer")
	f("Hello of 2009", strings.Replace(hello, "schemas.xmlsoap.org/ws/2005/04/discovery/H",
		"docs.oasis-open.org/ws-dd/ns/discovery/2009/01/H", 1), "service wsd 5357 wsdp:Device pub:Computer")
	f("Bye", strings.Replace(hello, "discovery/Hello", "discovery/Bye", 1), "goodbye wsd")
	f("Probe", "<e>"+action+"Probe</a:Action><d:Types>\n wsdp:Device </d:Types></e>", "query wsd wsdp:Device")
	f("Probe for all", "<e>"+action+"Probe</a:Action></e>")
	f("commented out", "<e><!-- "+action+"Bye</a:Action> --><![CDATA["+action+"Bye</a:Action>]]></e>")
	f("> in an attribute", `<e x="1>2">`+action+`Probe</a:Action><d:Types y='>'>p:D</d:Types></e>`, "query wsd p:D")
	f("another action", "<e><Action>http://example.vn/Hello</Action></e>")
	f("no XML", "{}")
}

// FuzzWSD holds our scan against encoding/xml: of each message that it takes whole, the first Types must be the same.
func FuzzWSD(f *testing.F) {
	f.Add([]byte(hello))
	f.Add([]byte("<e><Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</Action><Types> p:D </Types></e>"))
	f.Add([]byte("<:Types>0")) // an empty prefix was taken off, which encoding/xml leaves
	d := New()
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, o := range d.Inspect(udpFrom(3702, 3702, ssdpAll, b)) {
			checkText(t, o.Name)
			if o.Kind == capture.KindName {
				t.Errorf("named %q", o.Name)
			}
		}
		types, tags, ok := xmlTypes(b)
		if !ok || tags > wsdTagsMax {
			return
		}
		if got := readWSD(b).types; string(got) != types {
			t.Errorf("Types %q, encoding/xml %q", got, types)
		}
	})
}

// xmlTypes reads the text behind the first tag Types with encoding/xml. ok is false for what is no XML, and for XML
// that SOAP forbids or that no sender uses in these fields: document types, entities, CDATA.
func xmlTypes(b []byte) (types string, tags int, ok bool) {
	if bytes.ContainsAny(b, "&\r") || bytes.Contains(b, []byte("<!")) {
		return "", 0, false
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	for found, inside := false, false; ; {
		token, err := d.RawToken()
		if err != nil {
			return types, tags, err.Error() == "EOF"
		}
		switch tok := token.(type) {
		case xml.StartElement:
			tags++
			for _, a := range tok.Attr {
				if strings.ContainsAny(a.Value, "<") {
					return "", 0, false
				}
			}
			inside = tok.Name.Local == "Types" && !found
			found = found || inside
		case xml.CharData:
			if inside {
				types = string(tok)
			}
			inside = false
		default:
			inside = false
		}
	}
}
