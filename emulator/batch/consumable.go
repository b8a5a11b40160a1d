package batch

import (
	"iter"
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
)

// Consumable resources (resources.md 5.2): units that a job takes when it enters STARTING. Those of a replenishable resource come back
// when its attempt ends.
//
// Guess: a job whose resources are not free is passed over by those behind it (resources.md 8, 10).

// A Consumable is a consumable resource.
type Consumable struct {
	ARN    ARN
	Scope  Scope
	Name   string
	Number uint64 // order of creation
	// Total is what there is; of a resource that does not come back, what is left.
	Total         int64
	Replenishable bool
	CreatedAt     int64
	Tags          map[string]string `json:",omitempty"`
	// Tokens are those of the latest updates, so that one that is repeated is applied once.
	Tokens []UsedToken `json:",omitempty"`
}

// A UsedToken is a client token and what it was given with.
type UsedToken struct {
	Token, Payload string
	At             int64
}

// tokenLife is how long a client token is remembered, in milliseconds.
const tokenLife = 8 * 3600 * 1000

// Key implements Record.
func (c *Consumable) Key() Key { return Key{KindConsumable, string(c.ARN)} }

func (c *Consumable) place() shelfPlace { return shelfPlace{c.Scope, c.Number, c.ARN} }

// A Consume is what a job takes of a resource.
type Consume struct {
	Resource ARN
	Quantity int64
}

// A Taken is what an attempt has of a replenishable resource: of this very one, not of another that came by the same name.
type Taken struct {
	Resource ARN
	Number   uint64
	Quantity int64
}

type incarnation struct {
	resource ARN
	number   uint64
}

// InUse is how many units attempts hold; Free is how many are left.
func (s *State) InUse(c *Consumable) int64 { return s.taken[incarnation{c.ARN, c.Number}] }

// Free is how many units of a resource nobody holds.
func (s *State) Free(c *Consumable) int64 { return max(0, c.Total-s.InUse(c)) }

// Consumable finds a consumable resource by name or ARN; nil if the scope has none.
func (s *State) Consumable(scope Scope, nameOrARN string) *Consumable {
	return s.consumables.all[resolve(scope, "consumable-resource", nameOrARN)]
}

// ConsumablesAfter yields the scope's resources in order of creation, those with a number above after.
func (s *State) ConsumablesAfter(scope Scope, after uint64) iter.Seq[*Consumable] {
	return s.consumables.after(scope, after)
}

// ConsumersAfter yields the jobs that name a resource, oldest first, those with a number above after.
func (s *State) ConsumersAfter(resource ARN, after uint64) iter.Seq[*Job] {
	return func(yield func(*Job) bool) {
		if order := s.consumers[resource]; order != nil {
			order.Ascend(entry{number: after + 1}, func(e entry) bool { return yield(s.jobs[e.id]) })
		}
	}
}

// CreateConsumable adds a resource. The caller fills in everything but Number and CreatedAt. Jobs that wait for one of its name may have it.
func (tx *Tx) CreateConsumable(c Consumable) error {
	if tx.consumables.all[c.ARN] != nil {
		return exists()
	}
	if err := tx.quota(len(tx.consumables.all), maxConsumables, "Consumable resource"); err != nil {
		return err
	}
	c.Number, c.CreatedAt = tx.nextNumber(), tx.now
	tx.put(nil, &c)
	tx.unpark(c.ARN)
	return nil
}

// ChangeConsumable replaces the total of a resource with what change makes of it. A token that was used with the same payload changes nothing.
func (tx *Tx) ChangeConsumable(arn ARN, token, payload string, change func(total int64) (int64, error)) (*Consumable, error) {
	old := tx.consumables.all[arn]
	if old == nil {
		return nil, missing("%s does not exist", arn)
	}
	if token != "" && slices.ContainsFunc(old.Tokens, func(t UsedToken) bool {
		return t.Token == token && t.Payload == payload && tx.now-t.At < tokenLife
	}) {
		return old, nil
	}
	c := *old
	total, err := change(c.Total)
	if err != nil {
		return nil, err
	}
	c.Total = total
	if token != "" {
		c.Tokens = slices.DeleteFunc(slices.Clone(c.Tokens), func(t UsedToken) bool { return tx.now-t.At >= tokenLife })
		c.Tokens = append(c.Tokens, UsedToken{token, payload, tx.now})
	}
	tx.put(old, &c)
	tx.unpark(arn)
	return &c, nil
}

// DeleteConsumable removes a resource, in use or not. Jobs that wait for it go on waiting.
func (tx *Tx) DeleteConsumable(arn ARN) error {
	c := tx.consumables.all[arn]
	if c == nil {
		return missing("%s does not exist", arn)
	}
	tx.put(c, nil)
	return nil
}

// consumes are the resources that a job takes, by their ARNs: a multi-node job all that its nodes do.
func (tx *Tx) consumes(j *Job) (list []Consume) {
	add := func(p *api.ConsumableResourceProperties, times int64) {
		if p == nil {
			return
		}
		for _, r := range p.ConsumableResourceList {
			c := Consume{resolve(j.Scope, "consumable-resource", api.Value(r.ConsumableResource)), api.Value(r.Quantity) * times}
			if at := slices.IndexFunc(list, func(is Consume) bool { return is.Resource == c.Resource }); at >= 0 {
				list[at].Quantity += c.Quantity
			} else if c.Resource != "" && c.Quantity > 0 {
				list = append(list, c)
			}
		}
	}
	add(tx.Consumables(j), 1)
	if j.Nodes != nil {
		if n := tx.blueprintOf(j).Nodes; n != nil {
			for _, r := range n.NodeRangeProperties {
				if first, last, err := NodeRange(api.Value(r.TargetNodes), j.Nodes.Count); err == nil {
					add(r.ConsumableResourceProperties, int64(last-first+1))
				}
			}
		}
	}
	return list
}

// lacks is which of the resources of a job is the first of which there is not enough, counted from 1; 0 if there is enough of all.
func (s *State) lacks(j *Job) int32 {
	for i, c := range j.Consumes {
		if r := s.consumables.all[c.Resource]; r == nil || s.Free(r) < c.Quantity {
			return int32(i + 1)
		}
	}
	return 0
}

// parkFirsts parks the first jobs of a queue's lines whose resources are not free, and says whether there were any: others are the first then.
func (tx *Tx) parkFirsts(q *Queue) bool {
	l := tx.waiting[q.ARN]
	if l == nil || len(tx.consumers) == 0 {
		return false
	}
	var lacking []*Job
	for _, is := range l.of {
		if j := tx.jobs[is.first.id]; tx.lacks(j) != 0 {
			lacking = append(lacking, j)
		}
	}
	slices.SortFunc(lacking, bySubmission)
	for _, j := range lacking {
		tx.park(j)
	}
	return len(lacking) > 0
}

// park lets the others pass a job whose resources are not free.
func (tx *Tx) park(j *Job) {
	which := tx.lacks(j)
	if which == 0 {
		return
	}
	tx.wait(j, nil)
	tx.change(j, func(j *Job) { j.Lacks = which })
	for i, c := range j.Consumes { // it had come back for one of them: let others have it
		if int32(i+1) != which {
			tx.unpark(c.Resource)
		}
	}
}

// unpark puts jobs back into their lines: of each line as many as a resource is free for, in order. Who comes first of several lines and queues
// is decided there.
func (tx *Tx) unpark(arn ARN) {
	l, r := tx.lacking[arn], tx.consumables.all[arn]
	if l == nil || r == nil {
		return
	}
	var back []*Job
	for _, is := range l.of {
		free := tx.Free(r)
		is.order.Scan(func(e entry) bool {
			j := tx.jobs[e.id]
			for _, c := range j.Consumes {
				if c.Resource == arn {
					free -= c.Quantity
				}
			}
			if free >= 0 {
				back = append(back, j)
			}
			return free > 0
		})
	}
	slices.SortFunc(back, bySubmission)
	for _, j := range back {
		tx.change(j, func(j *Job) { j.Lacks = 0 })
		tx.look(j.Queue)
	}
}

// consume takes the resources of a job for an attempt.
func (tx *Tx) consume(j *Job) (takes []Taken) {
	for _, c := range j.Consumes {
		r := tx.consumables.all[c.Resource]
		if r.Replenishable {
			takes = append(takes, Taken{r.ARN, r.Number, c.Quantity})
			continue
		}
		is := *r
		is.Total -= c.Quantity
		tx.put(r, &is)
	}
	return takes
}

// giveBack lets others have what an attempt had.
func (tx *Tx) giveBack(a *Attempt) {
	for _, t := range a.Takes {
		tx.unpark(t.Resource)
	}
}
