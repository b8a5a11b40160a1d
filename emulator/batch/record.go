package batch

import (
	"encoding/json"
	"fmt"
)

// A RecordKind names a kind of record; it is also the journal's name for it, so it never changes.
type RecordKind string

const (
	KindDefinition         RecordKind = "definition"
	KindPolicy             RecordKind = "policy"
	KindEnvironment        RecordKind = "environment"
	KindServiceEnvironment RecordKind = "service-environment"
	KindQueue              RecordKind = "queue"
	KindQuotaShare         RecordKind = "quota-share"
	KindConsumable         RecordKind = "consumable"
	KindInstance           RecordKind = "instance"
	KindJob                RecordKind = "job"
)

// RecordKinds lists them, those that others refer to first.
func RecordKinds() []RecordKind {
	return []RecordKind{KindDefinition, KindPolicy, KindEnvironment, KindServiceEnvironment, KindQueue, KindQuotaShare, KindConsumable, KindInstance, KindJob}
}

// A Key finds a record.
type Key struct {
	Kind RecordKind
	ID   string
}

// A Record is one durable piece of state. Once its transaction is committed it never changes.
type Record interface {
	Key() Key
}

// A Change is a record as a transaction left it; Record is nil if it was removed.
type Change struct {
	Key    Key
	Record Record
}

// recordVersion is written with every record. A reader that meets a higher one must refuse it.
const recordVersion = 1

type envelope struct {
	Version int             `json:"v"`
	Record  json.RawMessage `json:"r"`
}

// Encode writes a record for a journal.
func Encode(r Record) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s: %w", r.Key().Kind, r.Key().ID, err)
	}
	return json.Marshal(envelope{Version: recordVersion, Record: body})
}

// Decode reads what Encode wrote.
func Decode(kind RecordKind, data []byte) (Record, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("decode %s: %w", kind, err)
	}
	if e.Version != recordVersion {
		return nil, fmt.Errorf("decode %s: version %d is newer than this program reads (%d)", kind, e.Version, recordVersion)
	}
	var r Record
	switch kind {
	case KindDefinition:
		r = new(Definition)
	case KindPolicy:
		r = new(Policy)
	case KindEnvironment:
		r = new(Environment)
	case KindServiceEnvironment:
		r = new(ServiceEnvironment)
	case KindQueue:
		r = new(Queue)
	case KindQuotaShare:
		r = new(QuotaShare)
	case KindConsumable:
		r = new(Consumable)
	case KindInstance:
		r = new(Instance)
	case KindJob:
		r = new(Job)
	default:
		return nil, fmt.Errorf("decode: unknown kind of record %q", kind)
	}
	if err := json.Unmarshal(e.Record, r); err != nil {
		return nil, fmt.Errorf("decode %s: %w", kind, err)
	}
	return r, nil
}
