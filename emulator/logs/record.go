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
	flagJoined // several lines: how many of each output comes before the text, as varints
)

func flagOf(std Std) byte {
	if std == Stderr {
		return flagStderr
	}
	return 0
}

// appendRecord writes a record; only of a joined one its lines.
func appendRecord(b []byte, r *record) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(r.at))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.ingested))
	b = append(b, r.flags)
	size := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.text)))
	if r.flags&flagJoined != 0 {
		b = binary.AppendUvarint(b, uint64(r.lines[Stdout]))
		b = binary.AppendUvarint(b, uint64(r.lines[Stderr]))
		binary.LittleEndian.PutUint32(b[size:], uint32(len(b)-size-4+len(r.text)))
	}
	return append(b, r.text...)
}

type record struct {
	at, ingested int64
	flags        byte
	lines        [2]int64 // of a joined one: how many whole lines of each output it ends
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
	if r.flags&flagJoined == 0 {
		return r, b[recordHead+size:], true
	}
	for std := range r.lines {
		n, width := binary.Uvarint(r.text)
		if width <= 0 {
			return record{}, nil, false
		}
		r.lines[std], r.text = int64(n), r.text[width:]
	}
	return r, b[recordHead+size:], true
}
