// Package storage states what aNode keeps and how it is asked for: the Journal of
// sealed batches, the small State beside it, and the Archive that keeps records for longer. The implementations are in the folders
// below; testkit/storagetest holds the suite that each of them passes.
//
//	storage/journal   segment files on disk
//	storage/memory    the same behaviour without a disk
//	storage/state     bbolt: epochs, registry events, remembered floors; the node's identity and lock
//	storage/cassandra an archive in Apache Cassandra
//	storage/history   records of one stream in order of time, read from journals
package storage
