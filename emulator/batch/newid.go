package batch

// NewID is a fresh UUID of the transaction's, for what the core itself does not name.
func (tx *Tx) NewID() string { return tx.chance.UUID() }
