package main

import "context"

// kind is a kind of fault. inject injects one and returns when it is over; an error says why it could not.
type kind struct {
	name       string
	oursOnly   bool // no fault for the stock consumer
	fanOutOnly bool // no fault where consumers poll
	inject     func(ctx context.Context, f *fault) error
}

// kinds returns all kinds of faults.
func kinds() []kind {
	list := []kind{
		{name: "kill", inject: kill(false)},
		{name: "kill-renamed", inject: kill(true)},
		{name: "zombie", inject: zombie},
		{name: "late-write", inject: lateWrite},
		{name: "terminate", inject: terminate},
		{name: "scale", inject: scale},
		{name: "wrong-clock", oursOnly: true, inject: wrongClock},
		{name: "table-deleted", inject: deleteTable},
		{name: "checkpoint-rewound", inject: rewind},
		{name: "owner-changed", inject: changeOwner},
		{name: "table-restored", oursOnly: true, inject: restoreTable},
		{name: "rows-deleted", oursOnly: true, inject: deleteRows},
		{name: "split", inject: split},
		{name: "merge", inject: merge},
		{name: "poison", oursOnly: true, inject: poison},
		{name: "ledger-disk-full", oursOnly: true, inject: fillDisk},
		{name: "subscription-cut", fanOutOnly: true, inject: cutSubscriptions},
		{name: "subscription-silent", fanOutOnly: true, inject: silenceSubscriptions},
		{name: "take-over", fanOutOnly: true, inject: takeOver},
	}
	onRoute := func(name string, choose func(*fault) route, of service) []kind {
		return []kind{
			{name: name + "-cut", inject: cut(choose)},
			{name: name + "-slow", inject: network(choose, "", slow)},
			{name: name + "-reset", inject: network(choose, "", reset)},
			{name: name + "-half-open", inject: network(choose, "", halfOpen)},
			{name: name + "-errors", inject: network(choose, "", failing(of))},
		}
	}
	for _, of := range allServices {
		list = append(list, onRoute(of.String(), consumersTo(of), of)...)
		list = append(list, kind{name: of.String() + "-restart", inject: restart(of)})
	}
	list = append(list, onRoute("producer", producerToKinesis, onKinesis)...)
	return append(list,
		kind{name: "dynamodb-late", inject: network(consumersTo(onDynamoDB), "UpdateItem", late)},
		kind{name: "s3-late", inject: network(consumersTo(onS3), "PUT", late)},
		kind{name: "dynamodb-answer-lost", inject: network(consumersTo(onDynamoDB), "UpdateItem", answerLost(onDynamoDB))},
		kind{name: "s3-answer-lost", inject: network(consumersTo(onS3), "PUT", answerLost(onS3))},
		kind{name: "producer-answer-lost", inject: network(producerToKinesis, "PutRecords", answerLost(onKinesis))},
		kind{name: "producer-kill", inject: killProducer},
	)
}
