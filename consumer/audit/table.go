package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"example.com/callevents/shared/sequence"
)

// Table is what a lease table says of the chains of its application. The zero value says nothing.
type Table struct {
	Missing     string // why there is none, in words; empty if there is one
	Application string // its name, the table's own
	Stream      string // identity of the stream, as in the links' metadata
	Locations   []string
	Checkpoints map[string]Checkpoint // by shard
}

// Checkpoint is how far a shard was warehoused.
type Checkpoint struct {
	Last sequence.Number // of the newest link; zero: there was none, or the shard has ended
	End  bool            // SHARD_END: the shard was read to its end
	Day  string          // that the newest link names as the next; empty: not known, as in rows of the stock library
}

// scanner is what ReadTable needs of DynamoDB; *dynamodb.Client has it.
type scanner interface{ dynamodb.ScanAPIClient }

// ReadTable reads a lease table. A table that is not there or must not be read is no error: the result says so.
func ReadTable(ctx context.Context, client scanner, name string) (*Table, error) {
	t := &Table{Application: name, Checkpoints: map[string]Checkpoint{}}
	scan := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &name, ConsistentRead: aws.Bool(true)})
	for scan.HasMorePages() {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		out, err := scan.NextPage(call)
		cancel()
		var refused smithy.APIError
		switch {
		case err == nil:
		case errors.As(err, new(*types.ResourceNotFoundException)):
			return &Table{Missing: fmt.Sprintf("the lease table %q, which does not exist", name)}, nil
		case errors.As(err, &refused) && strings.HasPrefix(refused.ErrorCode(), "AccessDenied"):
			return &Table{Missing: fmt.Sprintf("permission to scan the lease table %q", name)}, nil
		default:
			return nil, fmt.Errorf("scan lease table %s: %w", name, err)
		}
		for _, row := range out.Items {
			if err := t.add(row); err != nil {
				return nil, fmt.Errorf("lease table %s: %w", name, err)
			}
		}
	}
	return t, nil
}

// add reads one row. Rows whose name begins with "_" are of no shard.
func (t *Table) add(row map[string]types.AttributeValue) error {
	text := func(name string) string {
		if v, ok := row[name].(*types.AttributeValueMemberS); ok {
			return v.Value
		}
		return ""
	}
	shard, checkpoint := text("ShardID"), text("Checkpoint")
	at := Checkpoint{Day: dayOf(text("CheckpointDay"), checkpoint)}
	switch {
	case shard == "_application":
		t.Stream = strings.TrimPrefix(text("Stream"), "lease protocol 2 of ") // see package lease
		if v, ok := row["Layouts"].(*types.AttributeValueMemberSS); ok {
			t.Locations = slices.Sorted(slices.Values(v.Value))
		}
		return nil
	case strings.HasPrefix(shard, "_"):
		return nil
	case checkpoint == "SHARD_END":
		at.End = true
	case checkpoint != "" && strings.Trim(checkpoint, "0123456789") == "": // else TRIM_HORIZON and its like
		var err error
		if at.Last, err = sequence.Parse(checkpoint); err != nil {
			return err
		}
	}
	t.Checkpoints[shard] = at
	return nil
}

// dayOf reads the day of a checkpoint. "2026-11-24/123" is of checkpoint 123 and of no other: without its day, nobody
// knows whether a link ends there.
func dayOf(text, checkpoint string) string {
	day, of, tied := strings.Cut(text, "/")
	if _, err := time.Parse(time.DateOnly, day); err != nil || tied && of != checkpoint {
		return ""
	}
	return day
}
