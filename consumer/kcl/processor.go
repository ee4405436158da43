package kcl

import "github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"

// processor is the library's record processor of one shard: the way of a page into the pipeline.
type processor struct {
	worker  *Worker
	session *session
}

// CreateProcessor implements the library's factory.
func (w *Worker) CreateProcessor() interfaces.IRecordProcessor { return &processor{worker: w} }

// Initialize learns which shard the processor is for.
func (p *processor) Initialize(in *interfaces.InitializationInput) {
	p.session = p.worker.session(in.ShardId)
}

// ProcessRecords takes one page, empty ones included: batches are also cut by age.
func (p *processor) ProcessRecords(*interfaces.ProcessRecordsInput) { p.session.process() }

// Shutdown is called at the end of a closed shard. Every other end of a session goes through RemoveLeaseOwner only.
func (p *processor) Shutdown(in *interfaces.ShutdownInput) {
	if in.ShutdownReason == interfaces.TERMINATE {
		p.session.finish()
		p.worker.catalog.Refresh() // its children can be read now
	}
}
