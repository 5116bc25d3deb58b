package image

import (
	"regexp"
	"strings"
	"time"
)

// The part of SPDX 2.3 (ISO/IEC 5962, spdx.github.io/spdx-spec/v2.3) that an image needs: packages, and that the image contains
// them.
type (
	spdxDocument struct {
		Version       string             `json:"spdxVersion"`
		License       string             `json:"dataLicense"`
		ID            string             `json:"SPDXID"`
		Name          string             `json:"name"`
		Namespace     string             `json:"documentNamespace"`
		Creation      spdxCreation       `json:"creationInfo"`
		Packages      []spdxPackage      `json:"packages"`
		Relationships []spdxRelationship `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		Name      string         `json:"name"`
		ID        string         `json:"SPDXID"`
		Version   string         `json:"versionInfo"`
		Location  string         `json:"downloadLocation"`
		Analyzed  bool           `json:"filesAnalyzed"`
		Checksums []spdxChecksum `json:"checksums,omitempty"`
		Refs      []spdxRef      `json:"externalRefs,omitempty"`
		Licence   string         `json:"licenseConcluded"`
		Copyright string         `json:"copyrightText"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxRelationship struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
)

const unsaid = "NOASSERTION"

// sbom lists what is in an image. Its namespace is derived from the image's own hash, so that the same image has the same
// document.
func sbom(m *Manifest) spdxDocument {
	const image = "SPDXRef-image"
	own := spdxPackage{
		Name: "cafeprobe-" + m.Release.Board, ID: image, Version: m.Release.Version,
		Location: unsaid, Licence: unsaid, Copyright: unsaid,
	}
	var all []string
	for _, f := range m.Files {
		all = append(all, f.SHA256)
		if f.Name == DiskFile {
			own.Checksums = []spdxChecksum{{"SHA256", f.SHA256}}
		}
	}
	d := spdxDocument{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: own.Name + "-" + m.Release.Version,
		Namespace: "https://cafeprobe.invalid/spdx/" + sum([]byte(strings.Join(all, " "))),
		Creation:  spdxCreation{m.Release.Built.Format(time.RFC3339), []string{"Tool: cafeprobe image"}},
		Packages:  []spdxPackage{own}, Relationships: []spdxRelationship{{"SPDXRef-DOCUMENT", "DESCRIBES", image}},
	}
	add := func(p spdxPackage) {
		p.Location, p.Licence, p.Copyright = unsaid, unsaid, unsaid
		d.Packages = append(d.Packages, p)
		d.Relationships = append(d.Relationships, spdxRelationship{image, "CONTAINS", p.ID})
	}
	for _, p := range m.Parts {
		add(spdxPackage{
			Name: p.Name, ID: spdxID("deb", p.Name), Version: p.Version, Checksums: []spdxChecksum{{"SHA256", p.SHA256}},
			Refs: []spdxRef{{"PACKAGE-MANAGER", "purl", "pkg:deb/debian/" + escape(p.Name) + "@" + escape(p.Version) + "?arch=" + p.Arch}},
		})
	}
	for _, g := range m.Modules {
		p := spdxPackage{
			Name: g.Path, ID: spdxID("go", g.Path), Version: g.Version,
			Refs: []spdxRef{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + escape(g.Path) + "@" + escape(g.Version)}},
		}
		if g.Path == "go" {
			p.Refs[0].Locator = "pkg:golang/std@" + escape(g.Version)
		}
		add(p)
	}
	return d
}

// notID is what may not stand in an SPDX identifier (§3.2: letters, digits, dot, hyphen).
var notID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

func spdxID(kind, name string) string {
	return "SPDXRef-" + kind + "-" + notID.ReplaceAllString(name, "-")
}

// escape writes what a package URL may not hold as it is.
func escape(s string) string {
	return strings.NewReplacer("%", "%25", "+", "%2B", ":", "%3A").Replace(s)
}
