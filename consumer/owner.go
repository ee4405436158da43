package main

import (
	"fmt"
	"regexp"
)

// Owner says whose the buckets are.
type Owner struct {
	BucketOwner string `placeholder:"ACCOUNT" help:"AWS account that owns the buckets, 12 digits: S3 refuses every request if another account does. Default: not checked."`
}

var account = regexp.MustCompile(`^[0-9]{12}$`)

// check returns an error if the owner is no account.
func (o *Owner) check() error {
	if o.BucketOwner == "" || account.MatchString(o.BucketOwner) {
		return nil
	}
	return fmt.Errorf("--bucket-owner %q: use the 12 digits of an AWS account", o.BucketOwner)
}
