package member

import "time"

// What memberlist is told. With these a death is seen after 2.3 to 3.1 s, and at 5 % loss none was false in 10 min.
const (
	// probeInterval is how often a node probes another, probeTimeout how long it waits before it asks others to.
	probeInterval = 500 * time.Millisecond
	probeTimeout  = 250 * time.Millisecond
	// suspicionMult × probeInterval (× log₁₀ of the nodes above 10) is how long a suspect may refute.
	suspicionMult = 3
	// suspicionMaxMult is how many times longer when no second node suspects it too. The default, 6, makes that 9 s,
	// also where there is no second node to ask.
	suspicionMaxMult = 2
	// gossipInterval is the pause between gossips of news to gossipNodes; without news none is sent.
	gossipInterval = 100 * time.Millisecond
	gossipNodes    = 3
	// retransmitMult × ⌈log₁₀(nodes+1)⌉ is how often each node passes a piece of news on. With the default, 4, each fiftieth
	// piece misses one of 9 nodes, and of 50 that join at once some miss another until their lists are exchanged.
	retransmitMult = 8
	// sayAgainAfter is the mean pause before what a node says of itself is repeated first, of each other twice that of the one before;
	// sayRepeats is how often. A piece of news is out after 400 ms. Who could not be reached for a time hears of it once that time has passed again
	// at the latest; after 10 s exchanges of lists see to it.
	sayAgainAfter = 300 * time.Millisecond
	sayRepeats    = 5
	// maxBehind is how many bytes that nobody reads stand behind it at most.
	maxBehind = 63
	// gossipToTheDead is how long the dead are told that they are, so that those who live say so.
	gossipToTheDead = 30 * time.Second
	// deadReclaim is how long after its death a node may come back at another address.
	deadReclaim = 10 * time.Second
	// pushPullInterval is the pause between exchanges of the whole list with one peer: what gossip lost is healed by then.
	pushPullInterval = 15 * time.Second
	// packetSize fits the smallest path that IPv6 allows, like QUIC's (RFC 9000, 14): memberlist's 1,400 are
	// cut in two by many tunnels.
	packetSize = 1200
	// dialTimeout leaves a lost SYN two more; streamTimeout bounds what follows.
	dialTimeout   = 3 * time.Second
	streamTimeout = 5 * time.Second
)

// Bounds of what comes in.
const (
	// maxStreams is how many streams that came in are open at a time, maxStreamsOfOne how many of one address, so that
	// one host alone can't keep others from joining. maxMessage is the most bytes that come over one: 4 MiB are
	// the list of 16,000 nodes.
	maxStreams      = 64
	maxStreamsOfOne = 16
	maxMessage      = 4 << 20
	// maxPacket is the largest datagram there is.
	maxPacket = 65535
)

// How often memberlist is surveyed: at least each surveyEvery (or 1 ms a node: it costs 1 to 4 µs a node), and when
// there is news, but with a pause of surveyPause.
const (
	surveyEvery = 500 * time.Millisecond
	surveyPause = 20 * time.Millisecond
)

// Calling again.
const (
	// rejoinEvery is the mean pause between two rounds, and the longest while alone; rejoinFirst the shortest.
	rejoinEvery = 15 * time.Second
	rejoinFirst = time.Second
	// rejoinPeers is how many dead peers are called in a round, rejoinAtOnce how many calls are open at a time,
	// rejoinPatience how long the addresses of one name are tried, rejoinAddresses how many of them at least.
	rejoinPeers     = 16
	rejoinAtOnce    = 8
	rejoinPatience  = 5 * time.Second
	rejoinAddresses = int(rejoinPatience/dialTimeout) + 1
	// udpPatience is how long no datagram may come while peers are there: they send several each second.
	udpPatience = 10 * time.Second
	// lookupTimeout bounds the resolution of a name.
	lookupTimeout = 3 * time.Second
	// A node that the mesh knows by another address announces itself each reclaimEvery, and after reclaimSoon times
	// each rejoinEvery: then it is no restart, but another node with its id.
	reclaimEvery = 2 * time.Second
	reclaimSoon  = 15
)

// What is remembered.
const (
	// maxGone is how many dead and left peers are known, goneAge for how long, save for the newest keepGone.
	maxGone  = 1024
	goneAge  = 7 * 24 * time.Hour
	keepGone = 16
	// rememberEvery is how often the peers are handed to be stored when nothing changed.
	rememberEvery = time.Hour
	// maxConflicts is how many conflicts are reported; one that does not recur for conflictAge is over.
	maxConflicts = 64
	conflictAge  = time.Minute
	// doublePatience is how long a conflict about the node's own id lasts before it is logged.
	doublePatience = 30 * time.Second
	// maxPassing is how many problems with others than seeds are told; one that does not recur for passingAge is over.
	maxPassing = 16
	passingAge = 5 * time.Minute
)
