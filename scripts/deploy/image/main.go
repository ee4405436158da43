// Command image writes the CA certificates of the container image to standard output, in PEM.
//
// They are Mozilla's, as the Go project packs them into a module. So go.sum pins them, and every machine writes the same
// file; the bundle of the machine that builds would differ from one to the next. The file lies where programs look for it,
// so another one can be mounted over it. To renew the certificates, renew the module.
package main

import (
	"bufio"
	"encoding/pem"
	"log"
	"os"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue // it is trusted with a condition, and a file cannot say that
		}
		if err := pem.Encode(out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
