// Package kcl is the seam to github.com/vmware/vmware-go-kcl-v2, and its only importer but for the
// stock consumers under scripts, which are there to be compared with. The library's Worker is the
// engine: it starts a consumer per leased shard, asks for page after page, and calls the record processor.
// Everything that must be right is ours, behind three seams that the library offers.
//
//	Checkpointer     checkpointer.go  may this worker take that shard? and: a shard's consumer has come to its end
//	Middleware       middleware.go    what the library asks of Kinesis is answered by the catalog and by readers
//	RecordProcessor  processor.go     takes a page to the pipeline of its shard
//
// What comes between is a [session] per acquired shard: the lease, the reader and the pipeline of one life.
// The reader's client decodes pages by a decoder for just them, protocol.go, which changes nothing but the CPU they take.
//
// # The way of a page
//
//	library's consumer goroutine            ours
//	GetRecords(token)            ─────────▶ session.next: open at the tip of the chain; reader.page
//	  ◀──────────────────────────────────── page, or an empty one after a failed call, or an error: leave
//	processor.ProcessRecords     ─────────▶ session.process: pipeline.Process, which commits and checkpoints
//	… until GetRecords fails, or the shard is closed and read: processor.Shutdown, session.finish
//	checkpointer.RemoveLeaseOwner ────────▶ session.end: drain, release
//
// A session has one way out: an error of GetRecords. The library then ends the shard's consumer without another word
// and calls RemoveLeaseOwner in the consumer's goroutine, where nothing is read or written any more; that is where
// the shard drains, while the lease still renews itself.
//
// The event loop starts consumers, one a turn. It asks for the list of shards before every turn, and waits in that
// call until the lease manager has a lease to take. So it takes 64 leases in a second and costs nothing at rest.
//
// # The library's defects, and what keeps them away
//
// Numbers as in the audit of v1.0.0; tests of other packages with the package's name. What each test needs to fail
// stands with it.
//
//	 #  what the stock library does                        cure                                    test
//	 1  checkpoints over a lease that it has lost          update conditional on counter, owner    lease.TestTableContract, TestWorkerCutOffFromTheTableIsFenced
//	 2  so does an earlier life in the same process        a Lease per acquisition; never back     lease.TestLateCheckpointOfAnEarlierLeaseOfTheSameWorkerIsRefused
//	 3  renewal writes a checkpoint that had failed        renewal writes the counter only         lease.TestFailedCheckpointDoesNotGoLiveWithTheNextRenewal
//	 4  expiry by wall clock                               counter that stands, monotonic clock    lease.TestTableOfTheStockLibraryIsTakenOver, lease.TestAThousandShardsAndAHundredWorkers
//	 5  one failed renewal or read drops the shard         own renewal, retries; one way out       TestFailedRenewalsInsideTheTrustWindowAreInvisible, TestFailingReadsAreOutlasted
//	 6  children read beside or before their parents       parent gate in the lease manager        lease.TestChildOfAMergeWaitsForBothParents
//	 7  LATEST skips what comes before a first checkpoint  pinned as a time, for all shards        TestSplitAndMergeLoseNothingThatCameAfterTheFirstStart
//	 8  one lease a minute                                 parked event loop, shard catalog        TestQuickStartQuietRest
//	 9  balance that never comes                           fair share and claims of our own        lease.TestJoiningWorkersAreBalancedWithinAFewSyncIntervals, lease.TestRemainderIsBalancedToo
//	10  a shard that is never consumed again               owner set by a successful take only     TestShardIsConsumedAfterAFailedAcquisition
//	11  a late renewal takes a released lease back         the library's renewal is switched off   lease.TestRenewalAfterReleaseCannotTakeTheLeaseBack
//	12  a broken container costs a page, or the process    the library sees no record              TestBrokenContainersCostNothingElse
//	13  checkpoints inside a container                     cuts between sequence numbers only      pipeline.TestEveryRuleIsNeeded
//	14  failed and hanging reads                           empty page, deadline, new iterator      TestFailingReadsAreOutlasted, TestHangingReadEndsWithTheProcess, TestExpiredIteratorIsReplacedAfterTheLastRecord
//	15  noise                                              own pace; the library logs at Debug     TestQuickStartQuietRest
//	16  an incomplete listing deletes a row                complete listings; rows of live shards  TestListingThatLacksAShardCostsNothing, TestListingInPiecesIsAwaited, lease.TestRowOfALiveShardIsNeverDeleted
//	                                                       stay; one session per shard
//	17  the table: not awaited, provisioned, one page      own table handling                      lease.TestTableContract, lease.TestTableIsBilledOnDemand, lease.TestTableThatCannotBeDescribedIsNotCreated
//	18  panics                                             recover; defaults for absent fields     TestPanicInThePipelineStopsOnlyThatShard, TestPanicWhileAShardDrainsStopsOnlyThatShard, TestAnswerWithoutMillisBehindLatest
//	19  shutdown hangs                                     one Worker per life; bounded drain      TestHangingS3BlocksNeitherRenewalNorExit, TestHangingReadEndsWithTheProcess
//	20  renewal begins after Initialize                    it begins at the acquisition            TestSlowStartOfAShardKeepsItsLease
package kcl
