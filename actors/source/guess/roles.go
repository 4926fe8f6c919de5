package guess

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

var idNames = map[string]int{
	"id": 100, "uuid": 98, "guid": 98, "_id": 97, "eventid": 96, "tradeid": 96, "messageid": 95, "msgid": 95, "uid": 90, "tid": 92, "txid": 94, "txhash": 94,
	"hash": 88, "sha": 88, "transactionid": 94, "orderid": 80, "recordid": 92, "entryid": 92, "objectid": 92, "globalid": 90, "identifier": 90, "uri": 70, "ids": 20,
	"seq": 72, "sequence": 72, "sequencenumber": 72, "number": 40, "offset": 60, "link": 50, "url": 45, "permalink": 60, "href": 40, "slug": 35, "aggtradeid": 94, "a": 0,
}

var keyNames = map[string]int{
	"symbol": 100, "productid": 98, "instid": 97, "instrument": 96, "instrumentname": 96, "pair": 95, "currencypair": 95, "key": 95, "ticker": 94, "market": 90, "tradingpair": 95,
	"station": 92, "stationid": 94, "stationcode": 93, "sensor": 92, "sensorid": 94, "device": 91, "deviceid": 94, "room": 90, "icao24": 96, "icao": 88, "iata": 86, "vehicleid": 93,
	"vehicle": 88, "route": 80, "routeid": 84, "line": 60, "code": 55, "coin": 88, "asset": 86, "currency": 85, "base": 50, "city": 80, "location": 75, "locationid": 86, "site": 80, "siteid": 86, "region": 66,
	"country": 64, "countrycode": 66, "state": 30, "name": 70, "place": 60, "area": 58, "zone": 58, "channel": 62, "topic": 60, "wiki": 64, "host": 58, "hostname": 60, "server": 40, "servername": 40, "user": 50, "userid": 54,
	"username": 52, "author": 44, "account": 54, "accountid": 58, "did": 60, "repo": 50, "repository": 54, "project": 54, "category": 38, "type": 30, "kind": 28, "network": 48, "net": 42, "source": 36, "s": 74, "slug": 66, "mmsi": 92, "imo": 80,
	"callsign": 62, "title": 20, "label": 40, "component": 50, "service": 54, "node": 50, "parameter": 46, "metric": 56, "team": 44, "player": 44, "gameid": 70, "matchid": 70, "plate": 60, "buoy": 88,
}

// roles are which leaf is what; nil is none.
type roles struct {
	id, key *leaf
	time    *moment
	// things tells that rows are the states of things, which have ids, and not what happened to them.
	things bool
}

// cast finds the roles of leaves.
func cast(all []*leaf) roles {
	var r roles
	if best, found := bestTime(all); found && best.score >= 20 {
		r.time = &best
	}
	free := func(l *leaf) bool { return r.time == nil || l.jq != r.time.leaf.jq }
	bestID := 0
	for _, l := range all {
		if score := idScore(l); score > bestID && free(l) {
			bestID, r.id = score, l
		}
	}
	bestKey := leastKey
	for _, l := range all {
		score := keyScore(l)
		if r.id != nil && (r.time == nil || !r.time.updates) && l.rows >= 4 && l.unique() { // it tells events apart as the id does
			score -= 50
		}
		if score > bestKey && free(l) && (r.id == nil || l.jq != r.id.jq) {
			bestKey, r.key = score, l
		}
	}
	r.things = r.id != nil && r.time != nil && r.time.updates
	if r.things && (r.key == nil || !r.key.unique()) {
		r.key = r.id
	}
	return r
}

// leastKey is below the score of any key.
const leastKey = 24

func idScore(l *leaf) int {
	if !l.texts() || !l.unique() {
		return 0
	}
	name := l.name()
	score, known := idNames[name]
	if !known && strings.HasSuffix(name, "id") && len(name) > 2 {
		if _, isKey := keyNames[name]; !isKey {
			score = 60
		}
	}
	if l.path[len(l.path)-1] == "_id" {
		score = 97
	}
	if name == "text" && l.parent() == "guid" { // XML
		score = 96
	}
	if l.rows == 1 && score < 85 { // nothing shows that it is another each time
		return 0
	}
	return max(0, score-6*(len(l.path)-1))
}

func keyScore(l *leaf) int {
	if !l.texts() || l.missing*10 > l.rows {
		return 0
	}
	name := l.name()
	score, known := keyNames[name]
	if !known && strings.HasSuffix(name, "id") && len(name) > 2 && l.distinct() < l.rows {
		score, known = 45, true
	}
	if !known {
		return 0
	}
	if name == "s" { // as exchanges call the symbol
		for _, v := range l.values {
			if t, _ := text(v); len(t) < 4 || strings.ToUpper(t) != t {
				return 0
			}
		}
	}
	for _, v := range l.values {
		if t, _ := text(v); formatOf(t) == formatPlain && !strings.Contains(name, "id") || len(t) > 64 {
			return 0
		}
	}
	return max(1, score-4*(len(l.path)-1))
}

// tokens tells whether values make good names of streams, and not too many.
func tokens(l *leaf) bool {
	const most, long = 60, 40
	if l.missing > 0 || l.distinct() > most {
		return false
	}
	for _, v := range l.values {
		t, _ := text(v)
		if t == "" || len(t) > long || strings.IndexFunc(t, func(r rune) bool {
			return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_/:", r)
		}) >= 0 {
			return false
		}
	}
	return true
}

// medianPause is the median of the pauses between times.
func medianPause(times []time.Time) time.Duration {
	if len(times) < 4 {
		return 0
	}
	slices.SortFunc(times, time.Time.Compare)
	var pauses []time.Duration
	for i := 1; i < len(times); i++ {
		pauses = append(pauses, times[i].Sub(times[i-1]))
	}
	slices.Sort(pauses)
	return pauses[len(pauses)/2]
}
