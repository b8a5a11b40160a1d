package batch

import (
	"iter"

	"github.com/tidwall/btree"
)

// A resource is a record that has a name: its ARN finds it, and lists have it in the order of creation.
type resource interface {
	Record
	place() shelfPlace
}

type shelfPlace struct {
	scope  Scope
	number uint64 // order of creation
	arn    ARN
}

// A shelf has all resources of one kind.
type shelf[R resource] struct {
	all   map[ARN]R
	order *btree.BTreeG[shelfPlace]
}

func newShelf[R resource]() *shelf[R] {
	return &shelf[R]{all: map[ARN]R{}, order: btree.NewBTreeGOptions(func(a, b shelfPlace) bool {
		if a.scope != b.scope {
			return scopeLess(a.scope, b.scope)
		}
		return a.number < b.number
	}, btree.Options{NoLocks: true, Degree: 16})}
}

// put takes a resource from its old value to its new one; nil is none. It answers the new one's number.
func (s *shelf[R]) put(old, new Record) (number uint64) {
	if old != nil {
		at := old.(R).place()
		delete(s.all, at.arn)
		s.order.Delete(at)
	}
	if new != nil {
		at := new.(R).place()
		s.all[at.arn] = new.(R)
		s.order.Set(at)
		return at.number
	}
	return 0
}

// record is the present value; a nil interface if there is none.
func (s *shelf[R]) record(arn ARN) Record {
	if r, ok := s.all[arn]; ok {
		return r
	}
	return nil
}

// after yields the scope's resources in order of creation, those with a number above after.
func (s *shelf[R]) after(scope Scope, after uint64) iter.Seq[R] {
	return func(yield func(R) bool) {
		s.order.Ascend(shelfPlace{scope: scope, number: after + 1}, func(at shelfPlace) bool {
			return at.scope == scope && yield(s.all[at.arn])
		})
	}
}

// records yields all, in an order that is always the same.
func (s *shelf[R]) records(yield func(Record) bool) bool {
	more := true
	s.order.Scan(func(at shelfPlace) bool {
		more = yield(s.all[at.arn])
		return more
	})
	return more
}

// count is how many resources a scope has.
func (s *shelf[R]) count(scope Scope) (n int) {
	for range s.after(scope, 0) {
		n++
	}
	return n
}
