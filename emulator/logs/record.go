package logs

import (
	"encoding/binary"
)

// Std is one of a process's outputs.
type Std uint8

const (
	Stdout Std = iota
	Stderr
)

// A record is an event, or a line that makes none, as it is stored: time and time of ingestion in milliseconds, flags, length,
// text.
const recordHead = 8 + 8 + 1 + 4

// Flags of a record.
const (
	flagStderr = 1 << iota
	flagSilent // an empty line: it counts, and nobody sees it
	flagPart   // not the last part of its line
)

func appendRecord(b []byte, at, ingested int64, flags byte, text []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(at))
	b = binary.LittleEndian.AppendUint64(b, uint64(ingested))
	b = append(b, flags)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...)
}

type record struct {
	at, ingested int64
	flags        byte
	text         []byte
}

// next splits the first record off; false if there is none that is whole.
func next(b []byte) (r record, rest []byte, ok bool) {
	if len(b) < recordHead {
		return record{}, nil, false
	}
	size := int(binary.LittleEndian.Uint32(b[17:]))
	if size < 0 || len(b)-recordHead < size {
		return record{}, nil, false
	}
	r = record{
		at:       int64(binary.LittleEndian.Uint64(b)),
		ingested: int64(binary.LittleEndian.Uint64(b[8:])),
		flags:    b[16],
		text:     b[recordHead : recordHead+size],
	}
	return r, b[recordHead+size:], true
}
