package servers

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Stored sums up the objects under a prefix by their metadata. It asks for each object once, so the objects must not
// change. Not safe for concurrent use.
type Stored struct {
	Client         *s3.Client
	Bucket, Prefix string

	Objects  int
	Bytes    int64
	Records  int // in the objects
	Rejected int // dead letters that belong to them

	seen map[string]bool
}

// Update adds the objects that are new. After an error it has added some of them.
func (s *Stored) Update(ctx context.Context) error {
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	listing := s3.NewListObjectsV2Paginator(s.Client, &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: &s.Prefix})
	for listing.HasMorePages() {
		out, err := listing.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		for _, object := range out.Contents {
			if s.seen[*object.Key] {
				continue
			}
			head, err := s.Client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.Bucket, Key: object.Key})
			if err != nil {
				return fmt.Errorf("head object %s: %w", *object.Key, err)
			}
			records, _ := strconv.Atoi(head.Metadata["records"])
			rejected, _ := strconv.Atoi(head.Metadata["rejected"])
			s.seen[*object.Key] = true
			s.Objects, s.Bytes = s.Objects+1, s.Bytes+aws.ToInt64(object.Size)
			s.Records, s.Rejected = s.Records+records, s.Rejected+rejected
		}
	}
	return nil
}
