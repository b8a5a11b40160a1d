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
	word := new(big.Int).SetUint64(^uint64(0))
	id := EventID{Index: new(big.Int).And(n, word).Uint64()}
	id.Stream = new(big.Int).And(n.Rsh(n, 64), word).Uint64()
	n.Rsh(n, serialBits-64)
	id.Time = n.Int64()
	return id, n.IsInt64() && id.String() == text // there are bits that we leave empty
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
