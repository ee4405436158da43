package lease

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/callevents/shared/wait"
)

// ReportBytes bounds what a worker's row says of its shards.
const ReportBytes = 640

const attrReport = "Report"

// WorkerRow is the row by which a worker shows that it is alive.
type WorkerRow struct {
	ID        string // the owner in the rows of its shards
	Name      string // what operators see
	Heartbeat uint64 // grows with every write
	Duration  time.Duration
	Report    []byte // what it says of its shards; nil: nothing
}

// Fleet is the whole table as one Scan saw it.
type Fleet struct {
	Workers []WorkerRow
	Shards  []Row
}

// Fleet reads the table by one Scan, eventually consistent: for people, and for no decision.
func (t *DynamoDB) Fleet(ctx context.Context) (Fleet, error) {
	var fleet Fleet
	scan := dynamodb.NewScanPaginator(t.client, &dynamodb.ScanInput{TableName: &t.name})
	for scan.HasMorePages() {
		out, err := scan.NextPage(ctx)
		if err != nil {
			return Fleet{}, wrap("scan", t.name, err)
		}
		for _, item := range out.Items {
			row := decode(item)
			id, isWorker := strings.CutPrefix(row.ShardID, workerPrefix)
			switch {
			case isWorker:
				duration, _ := time.ParseDuration(row.Duration)
				w := WorkerRow{ID: id, Name: id, Heartbeat: uint64(row.Counter), Duration: duration}
				if report, ok := item[attrReport].(*types.AttributeValueMemberS); ok {
					w.Report = []byte(report.Value)
				}
				fleet.Workers = append(fleet.Workers, w)
			case row.ShardID != applicationKey:
				fleet.Shards = append(fleet.Shards, row)
			}
		}
	}
	return fleet, nil
}

// Tell writes the worker's row with its report each half lease duration, until ctx ends, and then removes it.
func (t *DynamoDB) Tell(ctx context.Context, cfg Config) {
	if cfg.Report == nil {
		return
	}
	row := key(workerPrefix + cfg.WorkerID)
	for {
		t.tell(ctx, cfg, row)
		if wait.For(ctx, cfg.renewEvery()) != nil {
			break
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.callTimeout())
	defer cancel()
	_, _ = t.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.name, Key: row})
}

func (t *DynamoDB) tell(ctx context.Context, cfg Config, row map[string]types.AttributeValue) {
	ctx, cancel := context.WithTimeout(ctx, cfg.callTimeout())
	defer cancel()
	e := newExpression()
	report := cfg.Report()
	e.actions["ADD"] = []string{e.name(attrCounter) + " " + e.number(1)}
	e.actions["SET"] = []string{e.name(attrTimeout) + " = " + e.text(cfg.timeoutText()), e.name(attrDuration) + " = " + e.text(cfg.Duration.String()),
		e.name(attrReport) + " = " + e.text(string(report[:min(len(report), ReportBytes)]))}
	_, _ = t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &t.name, Key: row, UpdateExpression: e.update(),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values})
}
