package batch

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// need is what a job takes: thousandths of a vCPU, MiB, and GPUs.
type need struct {
	milli, mib int64
	gpus       int32
}

func (n need) room() room { return room{int64(n.gpus), n.milli, n.mib} }

// needs is what a job takes. Containers of one task add up; a Fargate task has the size of all together.
func (b Blueprint) needs(p Platform) (sum need, err error) {
	if b.Eks != nil {
		return podNeeds(b.Eks.PodProperties), nil
	}
	if b.Container != nil {
		sum.gpus = gpus(b.Container)
		sum.milli, sum.mib, err = needs(p, wants(b.Container, api.ResourceTypeVcpu), wants(b.Container, api.ResourceTypeMemory))
		return sum, err
	}
	for c := range b.parts() {
		cpu, memory := wants(c.ContainerProperties, api.ResourceTypeVcpu), wants(c.ContainerProperties, api.ResourceTypeMemory)
		m, n, err := Wants(p, cpu, memory)
		if err != nil {
			return need{}, err
		}
		sum.milli, sum.mib, sum.gpus = sum.milli+m, sum.mib+n, sum.gpus+gpus(c.ContainerProperties)
	}
	if p == Fargate {
		err = CheckFargateSize(sum.milli, sum.mib)
	}
	return sum, err
}

// gpus is how many GPUs a container has; the definition was checked when it was registered.
func gpus(c *api.ContainerProperties) int32 {
	n, _ := strconv.ParseInt(wants(c, api.ResourceTypeGpu), 10, 32)
	return int32(n)
}

// wants is one value of a container's resources as a text; "" if it has none.
func wants(c *api.ContainerProperties, kind api.ResourceType) string {
	for _, r := range c.ResourceRequirements {
		if r.Type == kind {
			return api.Value(r.Value)
		}
	}
	old := c.Vcpus
	if kind == api.ResourceTypeMemory {
		old = c.Memory
	}
	if old == nil || kind == api.ResourceTypeGpu {
		return ""
	}
	return strconv.Itoa(int(*old))
}

// needs reads a pair of VCPU and MEMORY values, as texts, for a platform, and holds them to Fargate's sizes.
func needs(p Platform, cpu, memory string) (milli, mib int64, err error) {
	if milli, mib, err = Wants(p, cpu, memory); err == nil && p == Fargate {
		err = CheckFargateSize(milli, mib)
	}
	return milli, mib, err
}

// CheckFargateSize holds a whole task to the table of sizes (jobs.md 10.8).
func CheckFargateSize(milli, mib int64) error {
	if fargateSize(milli, mib) {
		return nil
	}
	return refused("Fargate resource requirements (%s vCPU, %d MiB) not valid.", fmt.Sprintf("%.2f", float64(milli)/1000), mib)
}

// Wants reads a pair of VCPU and MEMORY values, as texts, for a platform: thousandths of a vCPU, and MiB. Its errors are those of SubmitJob and
// RegisterJobDefinition (jobs.md 10.6).
func Wants(p Platform, cpu, memory string) (milli, mib int64, err error) {
	vcpus, cpuErr := strconv.ParseFloat(cpu, 64)
	mib, memoryErr := strconv.ParseInt(memory, 10, 64)
	if p != Fargate {
		if _, whole := strconv.ParseInt(cpu, 10, 32); whole != nil {
			cpuErr = whole
		}
	}
	switch {
	case cpu == "":
		return 0, 0, invalid("vCPU is required.")
	case memory == "":
		// Guess: by analogy with vCPU.
		return 0, 0, invalid("Memory is required.")
	case cpuErr != nil || math.IsNaN(vcpus) || math.IsInf(vcpus, 0):
		return 0, 0, invalid("Value %s for type VCPU in resourceRequirement is not valid. Please provide a numeric value.", cpu)
	case memoryErr != nil:
		return 0, 0, invalid("Value %s for type MEMORY in resourceRequirement is not valid. Please provide a numeric value.", memory)
	}
	milli = int64(math.Round(vcpus * 1000))
	switch {
	case p != Fargate && milli < 1000:
		return 0, 0, invalid("vCPU must be at least 1, got %s.", cpu)
	case p != Fargate && mib < 4:
		return 0, 0, invalid("Memory must be at least 4 Mib, got %s Mib.", memory)
	}
	return milli, mib, nil
}

// fargateSize is the table of jobs.md 10.8.
func fargateSize(milli, mib int64) bool {
	between := func(low, high, step int64) bool { return mib >= low && mib <= high && (mib-low)%step == 0 }
	switch milli {
	case 250:
		return mib == 512 || mib == 1024 || mib == 2048
	case 500:
		return between(1024, 4096, 1024)
	case 1000:
		return between(2048, 8192, 1024)
	case 2000:
		return between(4096, 16384, 1024)
	case 4000:
		return between(8192, 30720, 1024)
	case 8000:
		return between(16384, 61440, 4096)
	case 16000:
		return between(32768, 122880, 8192)
	case 32000:
		return mib == 61440 || mib == 122880 || mib == 249856
	}
	return false
}

// CPUQuantity reads Kubernetes' way to write CPUs, "0.25" or "250m", as thousandths; false if it is none.
func CPUQuantity(text string) (milli int64, ok bool) {
	if number, isMilli := strings.CutSuffix(text, "m"); isMilli {
		milli, err := strconv.ParseInt(number, 10, 64)
		return milli, err == nil && milli > 0
	}
	cpus, err := strconv.ParseFloat(text, 64)
	return int64(math.Round(cpus * 1000)), err == nil && cpus > 0 && cpus < 1e6
}
