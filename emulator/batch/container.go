package batch

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// ContainerOf is the container block of a job: the definition's, with what SubmitJob overrides (jobs.md 8.2) and
// with references substituted. It may share memory with the definition: read only.
func (s *State) ContainerOf(j *Job) *api.ContainerProperties {
	d := s.definitions[j.Definition]
	if d == nil {
		return &api.ContainerProperties{}
	}
	c, err := effective(d, j.Request)
	if err != nil { // was checked when the job was submitted
		return d.Detail.ContainerProperties
	}
	return c
}

func effective(d *Definition, r *Request) (*api.ContainerProperties, error) {
	base := d.Detail.ContainerProperties
	if base == nil {
		base = &api.ContainerProperties{}
	}
	var given map[string]string
	c := base
	if r != nil {
		given = r.Parameters
		if o := r.Overrides; o != nil {
			merged := *base
			c = &merged
			override(c, o)
		}
	}
	command, err := substitute(c.Command, given, d.Detail.Parameters)
	if err != nil {
		return nil, err
	}
	if c == base && len(command) > 0 && &command[0] != &base.Command[0] {
		copied := *base
		c = &copied
	}
	if c != base {
		c.Command = command
	}
	return c, nil
}

func override(c *api.ContainerProperties, o *api.ContainerOverrides) {
	if len(o.Command) > 0 {
		c.Command = o.Command
	}
	if len(o.Environment) > 0 {
		c.Environment = mergeEnvironment(c.Environment, o.Environment)
	}
	legacyCPU, legacyMemory := c.Vcpus != nil, c.Memory != nil
	if len(o.ResourceRequirements) > 0 {
		c.ResourceRequirements = mergeRequirements(c.ResourceRequirements, o.ResourceRequirements)
		for _, r := range o.ResourceRequirements {
			switch r.Type { // both old and new style give way
			case api.ResourceTypeVcpu:
				c.Vcpus = nil
			case api.ResourceTypeMemory:
				c.Memory = nil
			}
		}
	}
	// The deprecated members override deprecated members only; otherwise they are ignored without a word.
	if o.Vcpus != nil && legacyCPU && c.Vcpus != nil {
		c.Vcpus = o.Vcpus
	}
	if o.Memory != nil && legacyMemory && c.Memory != nil {
		c.Memory = o.Memory
	}
}

// mergeEnvironment replaces by name and adds; the order of what stays is kept. Of one name the last entry wins, and an entry
// without a value is left out (jobs.md 8.3).
func mergeEnvironment(base, over []api.KeyValuePair) []api.KeyValuePair {
	at := make(map[string]int, len(base)+len(over))
	result := make([]api.KeyValuePair, 0, len(base)+len(over))
	for _, list := range [][]api.KeyValuePair{base, over} {
		for _, kv := range list {
			if api.Value(kv.Value) == "" {
				continue
			}
			name := api.Value(kv.Name)
			if i, ok := at[name]; ok {
				result[i] = kv
				continue
			}
			at[name] = len(result)
			result = append(result, kv)
		}
	}
	return result
}

func mergeRequirements(base, over []api.ResourceRequirement) []api.ResourceRequirement {
	result := append([]api.ResourceRequirement(nil), base...)
next:
	for _, r := range over {
		for i := range result {
			if result[i].Type == r.Type {
				result[i] = r
				continue next
			}
		}
		result = append(result, r)
	}
	return result
}

// needs reads what a container asks for: thousandths of a vCPU, and MiB.
func needs(p Platform, c *api.ContainerProperties) (milli, mib int64, err error) {
	cpu, memory := "", ""
	if c.Vcpus != nil {
		cpu = strconv.Itoa(int(*c.Vcpus))
	}
	if c.Memory != nil {
		memory = strconv.Itoa(int(*c.Memory))
	}
	for _, r := range c.ResourceRequirements {
		switch r.Type {
		case api.ResourceTypeVcpu:
			cpu = api.Value(r.Value)
		case api.ResourceTypeMemory:
			memory = api.Value(r.Value)
		}
	}
	return Needs(p, cpu, memory)
}

// Needs checks a pair of VCPU and MEMORY values, as texts, for a platform. Its errors are those of SubmitJob and
// RegisterJobDefinition (jobs.md 10.6).
func Needs(p Platform, cpu, memory string) (milli, mib int64, err error) {
	vcpus, cpuErr := strconv.ParseFloat(cpu, 64)
	mib, memoryErr := strconv.ParseInt(memory, 10, 64)
	if p == EC2 {
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
	if p == Fargate {
		if !fargateSize(milli, mib) {
			return 0, 0, refused("Fargate resource requirements (%s vCPU, %d MiB) not valid.", fmt.Sprintf("%.2f", vcpus), mib)
		}
		return milli, mib, nil
	}
	switch {
	case milli < 1000:
		return 0, 0, invalid("vCPU must be at least 1, got %s.", cpu)
	case mib < 4:
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

// reserved says whether Batch drops a variable of the user's when it launches the task (jobs.md 8.3).
func reserved(name string) bool { return strings.HasPrefix(name, "AWS_BATCH") }
