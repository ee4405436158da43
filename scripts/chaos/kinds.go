package main

// kind is a kind of fault. do injects one and returns when it is over, or with an error why it could not.
type kind struct {
	name     string
	oursOnly bool // says nothing about the stock consumer
	do       func(f *fault) error
}

// kinds are all there are.
func kinds() []kind {
	list := []kind{
		{name: "kill", do: kill(false)},
		{name: "kill-renamed", do: kill(true)},
		{name: "zombie", do: zombie},
		{name: "late-write", do: lateWrite},
		{name: "terminate", do: terminate},
		{name: "scale", do: scale},
		{name: "wrong-clock", oursOnly: true, do: wrongClock},
		{name: "table-deleted", do: deleteTable},
		{name: "checkpoint-rewound", do: rewind},
		{name: "owner-changed", do: changeOwner},
		{name: "split", do: split},
		{name: "merge", do: merge},
		{name: "poison", oursOnly: true, do: poison},
		{name: "ledger-disk-full", oursOnly: true, do: fillDisk},
	}
	onTheWay := func(name string, between func(*fault) way, of service) []kind {
		return []kind{
			{name: name + "-cut", do: cut(between)},
			{name: name + "-slow", do: network(between, "", slow)},
			{name: name + "-reset", do: network(between, "", reset)},
			{name: name + "-half-open", do: network(between, "", halfOpen)},
			{name: name + "-errors", do: network(between, "", failing(of))},
		}
	}
	for _, of := range allServices {
		list = append(list, onTheWay(of.String(), consumersTo(of), of)...)
		list = append(list, kind{name: of.String() + "-restart", do: restart(of)})
	}
	list = append(list, onTheWay("producer", producerToKinesis, onKinesis)...)
	return append(list,
		kind{name: "dynamodb-late", do: network(consumersTo(onDynamoDB), "UpdateItem", late)},
		kind{name: "s3-late", do: network(consumersTo(onS3), "PUT", late)},
		kind{name: "dynamodb-answer-lost", do: network(consumersTo(onDynamoDB), "UpdateItem", answerLost(onDynamoDB))},
		kind{name: "s3-answer-lost", do: network(consumersTo(onS3), "PUT", answerLost(onS3))},
		kind{name: "producer-answer-lost", do: network(producerToKinesis, "PutRecords", answerLost(onKinesis))},
		kind{name: "producer-kill", do: killProducer},
	)
}
