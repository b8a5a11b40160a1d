package emulator

import (
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// Bound is how much of a machine all jobs together may take at the same time: of its memory (MiB) all but an eighth, for itself and its users, or the
// budget that is configured; of its processors so many times as they are overcommitted. 0 is without bound.
func (c Config) Bound(cpus int, memoryMiB int64) (milliVCPU, mib int64) {
	c = c.withDefaults()
	mib = c.MemoryBudget
	if mib == 0 {
		mib = memoryMiB - memoryMiB/8
	}
	return int64(float64(cpus) * c.CPUOvercommit * 1000), mib
}

func (c Config) bound(a runner.Availability) batch.HostUse {
	if !a.Ready || c.Driver == "simulated" {
		return batch.HostUse{}
	}
	milli, mib := c.Bound(a.CPUs, a.MemoryMiB)
	return batch.HostUse{MilliVCPU: milli, MiB: mib}
}
