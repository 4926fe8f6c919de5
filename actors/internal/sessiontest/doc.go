// Package sessiontest is what tests of subscriptions share: an Outlet in memory that takes only so
// many bytes, a Client that follows a session as a real one does and checks the rules of the
// protocol with every message, and a World: a journal in memory with the hub and the sessions on
// it, whose batches a test stores and announces one by one.
//
// All of it runs inside testing/synctest.
package sessiontest
