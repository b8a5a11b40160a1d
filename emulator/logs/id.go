package logs

import (
	"fmt"
	"math/big"
)

// An EventID orders events over all streams: by time, then by stream, then by place in the stream.
type EventID struct {
	Time   int64 // Unix milliseconds
	Stream uint64
	Index  uint64
}

// serialBits is the width of what follows the time in an id as CloudWatch writes it (events-logs-schedules.md 2.2).
const serialBits = 144

// String is the id as 56 decimal digits: time * 2^144 + serial.
func (id EventID) String() string {
	n := big.NewInt(id.Time)
	n.Lsh(n, serialBits-64)
	n.Or(n, new(big.Int).SetUint64(id.Stream))
	n.Lsh(n, 64)
	n.Or(n, new(big.Int).SetUint64(id.Index))
	return fmt.Sprintf("%056s", n.String())
}

// ParseEventID reads what String wrote.
func ParseEventID(text string) (EventID, bool) {
	if len(text) != 56 {
		return EventID{}, false
	}
	for _, r := range text {
		if r < '0' || r > '9' {
			return EventID{}, false
		}
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return EventID{}, false
	}
	low := new(big.Int).SetUint64(^uint64(0))
	index := new(big.Int).And(n, low).Uint64()
	n.Rsh(n, 64)
	stream := new(big.Int).And(n, new(big.Int).SetUint64(1<<(serialBits-64-16)-1)).Uint64()
	n.Rsh(n, serialBits-64)
	if !n.IsInt64() {
		return EventID{}, false
	}
	return EventID{Time: n.Int64(), Stream: stream, Index: index}, true
}

// Less orders ids.
func (id EventID) Less(other EventID) bool {
	switch {
	case id.Time != other.Time:
		return id.Time < other.Time
	case id.Stream != other.Stream:
		return id.Stream < other.Stream
	}
	return id.Index < other.Index
}
