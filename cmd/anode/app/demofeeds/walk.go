package demofeeds

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"strconv"
	"time"
)

// unit is a number from 0 to 1 that belongs to a name and two numbers.
func unit(name string, a, b int64) float64 {
	h := fnv.New64a()
	var key [16]byte
	binary.LittleEndian.PutUint64(key[:8], uint64(a))
	binary.LittleEndian.PutUint64(key[8:], uint64(b))
	_, _ = h.Write([]byte(name))
	_, _ = h.Write(key[:])
	// FNV leaves the high bits of short inputs alike; the finisher of SplitMix64 spreads them.
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11) / (1 << 53)
}

// wave is smooth noise from -1 to 1: a random value at each multiple of the period, and a smooth way
// between them.
func wave(name string, period time.Duration, at time.Time) float64 {
	ms, p := at.UnixMilli(), period.Milliseconds()
	step := ms / p
	part := float64(ms%p) / float64(p)
	part = part * part * (3 - 2*part)
	from, to := unit(name, step, p), unit(name, step+1, p)
	return 2*(from+(to-from)*part) - 1
}

// walk is like a random walk from -1 to 1: slow waves with ever smaller, quicker ones on them.
func walk(name string, at time.Time) float64 {
	return 0.55*wave(name, time.Hour, at) + 0.25*wave(name, 7*time.Minute, at) + 0.13*wave(name, 50*time.Second, at) + 0.07*wave(name, 6*time.Second, at)
}

// digits is a number with so many decimals, as JSON and in Go alike.
func digits(v float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	return math.Round(v*scale) / scale
}

// symbol is something that is traded.
type symbol struct {
	name     string
	price    float64
	decimals int
	// swing is by which part the price moves at most.
	swing float64
}

func symbols() []symbol {
	return []symbol{
		{"BTC-USD", 64_000, 2, 0.06},
		{"ETH-USD", 3_100, 2, 0.08},
		{"SOL-USD", 142, 2, 0.12},
		{"EUR-USD", 1.0862, 5, 0.01},
		{"XAU-USD", 2_380, 2, 0.02},
		{"BRENT", 82.4, 2, 0.04},
		{"WHEAT", 612.5, 2, 0.03},
		{"TIN", 31_250, 0, 0.03},
	}
}

// tradeEvery is the pause between two trades.
const tradeEvery = 50 * time.Millisecond

// trade is one message of the market.
type trade struct {
	Event  string  `json:"event"`
	ID     int64   `json:"id"`
	Symbol string  `json:"symbol"`
	Price  float64 `json:"price"`
	Size   float64 `json:"size"`
	Side   string  `json:"side"`
	// Time is in ms.
	Time int64 `json:"time"`
}

// newestTrade is the id of the last trade at that time.
func newestTrade(at time.Time) int64 { return at.UnixMilli() / tradeEvery.Milliseconds() }

// tradeTime is when a trade happens.
func tradeTime(id int64) time.Time { return time.UnixMilli(id * tradeEvery.Milliseconds()) }

// tradeOf is the trade with that id.
func tradeOf(id int64) trade {
	all := symbols()
	draw := unit("symbol", id, 0)
	s := all[int(draw*draw*float64(len(all)))] // the first are traded most
	at := tradeTime(id)
	price := s.price * (1 + s.swing*walk(s.name, at) + 0.0002*(unit("spread", id, 0)-0.5))
	t := trade{Event: "trade", ID: id, Symbol: s.name, Price: digits(price, s.decimals), Side: "buy", Time: at.UnixMilli()}
	t.Size = digits(math.Exp(6*unit("size", id, 0)-4), 3) // from 0.018 to 7.4, mostly small
	if unit("side", id, 0) < 0.5 {
		t.Side = "sell"
	}
	return t
}

// site is one answer of the site.
type site struct {
	Site  string `json:"site"`
	Time  string `json:"time"`
	Rooms []room `json:"rooms"`
}

type room struct {
	Room string  `json:"room"`
	C    float64 `json:"c"`
	RH   float64 `json:"rh"`
	CO2  float64 `json:"co2"`
}

// siteAt is the site at a time, to the second.
func siteAt(at time.Time) site {
	at = at.UTC().Truncate(time.Second)
	s := site{Site: "lab", Time: at.Format(time.RFC3339)}
	for i, name := range []string{"attic", "cellar", "hall", "kitchen", "office", "workshop"} {
		s.Rooms = append(s.Rooms, room{
			Room: name,
			C:    digits(17+float64(i)+2.5*walk(name+"/c", at), 2),
			RH:   digits(47+9*walk(name+"/rh", at), 1),
			CO2:  digits(620+260*walk(name+"/co2", at), 0),
		})
	}
	return s
}

// The pace of events, and how many an answer lists.
const (
	quakeEvery  = 2 * time.Second
	quakesShown = 20
)

type quake struct {
	ID     string  `json:"id"`
	Time   string  `json:"time"`
	Region string  `json:"region"`
	Mag    float64 `json:"mag"`
	Depth  float64 `json:"depth_km"`
}

// quakesAt are the events that are listed at a time, the newest first.
func quakesAt(at time.Time) []quake {
	regions := []string{"aegean", "andes", "honshu", "iceland", "java", "kamchatka", "tonga"}
	newest := at.UnixMilli() / quakeEvery.Milliseconds()
	list := make([]quake, 0, quakesShown)
	for n := newest; n > newest-quakesShown; n-- {
		begin := n * quakeEvery.Milliseconds()
		list = append(list, quake{
			ID:     "q" + strconv.FormatInt(n, 36),
			Time:   time.UnixMilli(begin).UTC().Format("2006-01-02T15:04:05.000Z"),
			Region: regions[int(unit("region", n, 0)*float64(len(regions)))],
			Mag:    digits(1.5-math.Log(1-0.999*unit("mag", n, 0))*0.75, 1), // Gutenberg and Richter: a tenth of them a magnitude higher, nearly
			Depth:  digits(5+unit("depth", n, 0)*120, 1),
		})
	}
	return list
}

// positionEvery is the pause between two positions.
const positionEvery = 250 * time.Millisecond

// position is one event of the ships.
type position struct {
	Ship string  `json:"ship"`
	Lat  float64 `json:"lat"`
	Lon  float64 `json:"lon"`
	// Course is in degrees, Speed in knots.
	Course float64 `json:"course"`
	Speed  float64 `json:"speed"`
	Time   string  `json:"time"`
}

// newestPosition is the number of the last position at that time.
func newestPosition(at time.Time) int64 { return at.UnixMilli() / positionEvery.Milliseconds() }

// positionTime is when a position is taken.
func positionTime(n int64) time.Time { return time.UnixMilli(n * positionEvery.Milliseconds()) }

// positionOf is the position with that number: the ships take turns.
func positionOf(n int64) position {
	ships := []string{"albatros", "brise", "cormoran", "dauphin", "eider", "fulmar", "goeland"}
	i := int(n % int64(len(ships)))
	name, at := ships[i], positionTime(n)
	where := func(at time.Time) (lat, lon float64) {
		slow := func(what string) float64 {
			return 0.15*wave(name+what, 2*time.Hour, at) + 0.004*wave(name+what, 7*time.Minute, at)
		}
		return 47 + 0.25*float64(i) + slow("/lat"), -5 - 0.3*float64(i) + slow("/lon")
	}
	lat, lon := where(at)
	latBefore, lonBefore := where(at.Add(-10 * time.Second))
	north, east := lat-latBefore, (lon-lonBefore)*math.Cos(lat*math.Pi/180)
	return position{
		Ship: name, Lat: digits(lat, 5), Lon: digits(lon, 5), Course: digits(math.Mod(math.Atan2(east, north)*180/math.Pi+360, 360), 0),
		Speed: digits(math.Hypot(north, east)*60*360, 1), // a minute of latitude is a nautical mile
		Time:  at.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

// scanEvery is the pause between two scans, scanPath where each parcel comes by.
const scanEvery = 700 * time.Millisecond

func scanPath() []string { return []string{"inbound", "sorter", "dock", "van"} }

// scan is a parcel that came by a scanner.
type scan struct {
	Scan   int64  `json:"scan"`
	Parcel string `json:"parcel"`
	At     string `json:"at"`
	Step   int    `json:"step"`
	Grams  int    `json:"grams"`
	// Time is in ms.
	Time int64 `json:"time"`
}

func newestScan(at time.Time) int64 { return at.UnixMilli() / scanEvery.Milliseconds() }

func scanTime(n int64) time.Time { return time.UnixMilli(n * scanEvery.Milliseconds()) }

// scanOf is the scan with that number: of eight parcels that are on their way at once, one after the other.
func scanOf(n int64) scan {
	path := scanPath()
	const together = 8
	round := n / together
	parcel := round/int64(len(path))*together + n%together
	step := int(round % int64(len(path)))
	return scan{
		Scan: n, Parcel: "P" + strconv.FormatInt(parcel, 36), At: path[step], Step: step + 1,
		Grams: int(200 + 9800*math.Pow(unit("grams", parcel, 0), 2)), Time: scanTime(n).UnixMilli(),
	}
}
