package status

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"example.com/callevents/producer/put"
	"example.com/callevents/shared/wait"
)

// A standstill is looked for each watchInterval. It is logged at once, and again each repeatInterval.
const (
	watchInterval  = 5 * time.Second
	repeatInterval = time.Minute
)

// whatToDo is for the person who reads the log at night.
var whatToDo = map[put.Reason]string{
	put.KinesisDenied:    "give the credentials in use kinesis:PutRecords on the stream, and kms:GenerateDataKey on its key; or see why there are no credentials",
	put.KinesisFailing:   "look at the network and at the health of Kinesis in the region",
	put.KinesisThrottled: "add shards, lower --rate, or find who else writes to the stream",
	put.KinesisSlow:      "add shards, lower --rate, raise --in-flight, or look at the network",
	put.SpillFailing:     "free or mend the disk of the spill file; do not stop the producer before, or it loses what it holds",
	put.LedgerFailing:    "look at the disk of the ledger",
	put.Internal:         "keep the log, and restart the producer",
}

// Watch logs an Error while records are not put, until ctx ends.
func Watch(ctx context.Context, report func() Report, log logrus.FieldLogger) {
	var told put.Reason
	var last time.Time
	for wait.For(ctx, watchInterval) == nil {
		now := report()
		is := now.Standstill()
		switch {
		case is.Reason == "" && told != "":
			log.WithField("reason", told).Info("records are put again")
		case is.Reason != "" && (is.Reason != told || time.Since(last) >= repeatInterval):
			last = time.Now()
			log.WithFields(logrus.Fields{"reason": is.Reason, "for": is.For.Round(time.Second).String(), "error": is.Error,
				"unsent": now.Put.Unsent, "spilled": now.Put.Spilled, "do": whatToDo[is.Reason]}).Error("records are not put")
		}
		told = is.Reason
	}
}
