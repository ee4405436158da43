package servers

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Owners returns the owner of each shard that has one in the lease table, by the name in its worker row, if it has one. There are none
// if there is no table.
func Owners(ctx context.Context, client *dynamodb.Client, table string) (map[string]string, error) {
	owners, names := map[string]string{}, map[string]string{}
	scan := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &table})
	for scan.HasMorePages() {
		out, err := scan.NextPage(ctx)
		if missing := new(types.ResourceNotFoundException); errors.As(err, &missing) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, row := range out.Items {
			shard, owner := text(row["ShardID"]), text(row["AssignedTo"])
			if strings.HasPrefix(shard, "shardId-") && owner != "" {
				owners[shard] = owner
			}
			if id, ok := strings.CutPrefix(shard, "_worker/"); ok {
				names[id] = text(row["Name"])
			}
		}
	}
	for shard, owner := range owners {
		owners[shard] = cmp.Or(names[owner], owner)
	}
	return owners, nil
}

func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
