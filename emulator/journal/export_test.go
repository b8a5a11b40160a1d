package journal

// Break has every write from now on fail.
func (j *Journal) Break() error { return j.db.Close() }
