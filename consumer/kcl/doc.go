// Package kcl consumes the shards that the lease table gives to this worker. It is the seam to
// github.com/vmware/vmware-go-kcl-v2, and its only importer but for the stock consumers that it is compared with.
//
//	consume.go   the life of one shard, from the acquisition of its lease to the release: read this first
//	source.go    what reads a shard; poller.go: by GetRecords (protocol.go and decode.go only save CPU on the way);
//	             fanout.go: by enhanced fan-out (subscription.go: one call, event.go: its events, registration.go: the consumer)
//	quota.go     how fast a shard is polled; pagesize.go: how much is asked for at once
//	catalog.go   the shards of the stream
//	worker.go    start and stop
//	library.go   all that the library asks, answered
//
// # The engine
//
// The library's Worker starts and ends a goroutine for each shard that this worker leases. It decides nothing.
//
//	library                                  ours
//	event loop: ListShards          ───────▶ waits until there is a lease to acquire; the catalog's shards
//	            GetLease            ───────▶ lease.Leases.Acquire: from here on the lease renews itself
//	a goroutine for the shard:
//	            GetShardIterator    ───────▶ the shard's name
//	            GetRecords          ───────▶ consume: open, read, commit, drain, release
//	            ◀─────────────────────────── always an error: the goroutine ends
//	            RemoveLeaseOwner    ───────▶ nothing
//
// That GetRecords call lasts for as long as the shard is consumed: for days. The library allows that. It makes the call
// with a context that never ends, and the SDK's retries and time-outs come behind the place where we answer. It counts
// calls and bytes a second before it makes a second call, and there is none. It renews the lease in a goroutine of its
// own, whose first turn is in 292 years. Its Shutdown waits for the goroutines of all shards; each ends because
// [lease.Leases.Stop] asks for every lease back, within the grace and a few seconds. It looks at its own stop signal and at
// its renewal only between two pages.
//
// An error of the call ends the goroutine without another call to the record processor, which therefore does nothing. The
// error must not be one of throttling: then the library would call again.
//
// # Enhanced fan-out
//
// Kinesis pushes the events of a shard through a subscription, and knows one for each registered consumer and shard. All
// instances share the consumer, since the lease says who reads. One rule keeps records from being lost or repeated: a
// subscription begins after the last event that was given to the pipeline, whatever else was on its way.
//
//	the subscription                    what is done
//	is nearly five minutes old          another begins at the continuation sequence number; this one is dropped
//	ends in order                       the same
//	is cut, damaged or an exception     the same, with a Warn; Kinesis refuses it for five seconds after the last one began
//	brings nothing for 20 s             the same
//	is taken over, or refused           once a second again: the last owner has not noticed yet, or subscribed a moment ago
//	is not asked for, S3 being slow     nothing: two events are decoded, the rest stays in the connection
//	knows no such consumer              it was deregistered: it is registered again, as at a start
//	knows no such shard, or stream      the shard is left, as by GetRecords
//
// The shard ends with an event that has child shards and no continuation sequence number. An event with neither is broken:
// half a sign must not end a shard.
//
// # The library's defects, and what keeps them away
//
// Numbers as in the audit of v1.0.0. Tests of other packages are named with their package. Each test says which change
// makes it fail.
//
//	 #  what the stock library does                        cure                                    test
//	 1  checkpoints over a lease that it has lost          update conditional on counter, owner    lease.TestTableContract, TestWorkerCutOffFromTheTableIsFenced
//	 2  so does an earlier life in the same process        a Lease per acquisition; never back     lease.TestLateCheckpointOfAnEarlierLeaseOfTheSameWorkerIsRefused
//	 3  renewal writes a checkpoint that had failed        heartbeats have a row of their own       lease.TestFailedCheckpointDoesNotGoLiveWithTheNextWrite
//	 4  expiry by wall clock                               heartbeat that stands, monotonic clock  lease.TestTableOfTheStockLibraryIsTakenOver, lease.TestAThousandShardsAndAHundredWorkers
//	 5  one failed renewal or read drops the shard         own renewal; reads are repeated         TestFailedRenewalsInsideTheTrustWindowAreInvisible, TestFailingReadsAreOutlasted
//	 6  children read beside or before their parents       parents first, in the lease manager     lease.TestChildOfAMergeWaitsForBothParents
//	 7  LATEST skips what comes before a first checkpoint  pinned as a time, for all shards        TestSplitAndMergeLoseNothingThatCameAfterTheFirstStart
//	 8  one lease a minute                                 parked event loop, shard catalog        TestQuickStartQuietRest
//	 9  balance that never comes                           one plan of all shards                  lease.TestJoiningWorkersAreBalancedWithinAFewSyncIntervals, lease.TestRemainderIsBalancedToo
//	10  a shard that is never consumed again               owner set by a successful acquisition   TestShardIsConsumedAfterAFailedAcquisition
//	11  a late renewal takes a released lease back         the library never renews                lease.TestRenewalAfterReleaseCannotTakeTheLeaseBack
//	12  a broken container costs a page, or the process    the library gets no page                TestBrokenContainersCostNothingElse
//	13  checkpoints inside a container                     cuts between sequence numbers only      pipeline.TestEveryRuleIsNeeded
//	14  failed and hanging reads                           deadline, repeated, new iterator        TestFailingReadsAreOutlasted, TestHangingReadEndsWithTheProcess, TestExpiredIteratorIsReplacedAfterTheLastRecord
//	15  noise                                              own pace; the library logs at Debug     TestQuickStartQuietRest
//	16  an incomplete listing deletes a row                complete listings; rows of live shards  TestListingThatLacksAShardCostsNothing, TestListingInPiecesIsAwaited, lease.TestRowOfALiveShardIsNeverDeleted
//	                                                       stay; one consumer per shard
//	17  the table: not awaited, provisioned, one page      own table handling                      lease.TestTableContract, lease.TestTableIsBilledOnDemand, lease.TestTableThatCannotBeDescribedIsNotCreated
//	18  panics                                             recover; defaults for absent fields     TestPanicInThePipelineStopsOnlyThatShard, TestPanicWhileAShardDrainsStopsOnlyThatShard, TestAnswerWithoutMillisBehindLatest
//	19  shutdown hangs                                     one Worker per life; bounded drain      TestHangingS3BlocksNeitherRenewalNorExit, TestHangingReadEndsWithTheProcess
//	20  renewal begins after Initialize                    it begins at the acquisition            TestSlowStartOfAShardKeepsItsLease
package kcl
