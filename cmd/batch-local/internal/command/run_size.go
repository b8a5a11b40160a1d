package command

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/batch-local/batch-local/emulator/batch"
)

// memory is a flag that holds a size in MiB: a plain number, as AWS has it, or one with a unit as Docker has it (512m, 2g, 2GiB).
type memory int

func (m *memory) String() string { return strconv.Itoa(int(*m)) }
func (m *memory) Type() string   { return "MiB" }
func (m *memory) Set(text string) error {
	number := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	units := map[string]float64{"": 1, "m": 1, "mb": 1, "mib": 1, "g": 1024, "gb": 1024, "gib": 1024}
	factor, known := units[strings.ToLower(text[len(number):])]
	value, err := strconv.ParseFloat(number, 64)
	if !known || err != nil || value <= 0 || value*factor > math.MaxInt32 {
		return errors.New("it must be a number of MiB, or a size such as 512m or 2GiB")
	}
	*m = memory(math.Ceil(value * factor))
	return nil
}

// vcpus is a flag that holds a number of vCPUs.
type vcpus float64

func (v *vcpus) String() string { return strconv.FormatFloat(float64(*v), 'f', -1, 64) }
func (v *vcpus) Type() string   { return "N" }
func (v *vcpus) Set(text string) error {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !(value > 0) || value > math.MaxInt32 {
		return errors.New("it must be a number above 0")
	}
	*v = vcpus(value)
	return nil
}

// fargateSizes says which sizes Fargate has instead of one that it has not: memory for these vCPUs, or else numbers of vCPUs. "" if it has this one.
func fargateSizes(v vcpus, m memory) string {
	const least, most = 512, 256 << 10 // MiB
	has := func(v float64, mib int64) bool { return batch.CheckFargateSize(int64(math.Round(v*1000)), mib) == nil }
	memories := func(v float64) (all []int64) {
		for mib := int64(least); mib <= most; mib += least {
			if has(v, mib) {
				all = append(all, mib)
			}
		}
		return all
	}
	if has(float64(v), int64(m)) {
		return ""
	}
	if all := memories(float64(v)); len(all) > 0 {
		// More than three are evenly spaced.
		if n := len(all); n > 3 {
			return fmt.Sprintf("Fargate has %s vCPU with %d to %d MiB in steps of %d.", &v, all[0], all[n-1], all[1]-all[0])
		}
		return fmt.Sprintf("Fargate has %s vCPU with %d, %d or %d MiB.", &v, all[0], all[1], all[2])
	}
	var all []string
	for v := vcpus(0.25); v <= 64; v *= 2 {
		if len(memories(float64(v))) > 0 {
			all = append(all, v.String())
		}
	}
	return "Fargate has " + strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1] + " vCPUs."
}

// size is what a container needs, as the API has it.
func size(v vcpus, m memory) []types.ResourceRequirement {
	return []types.ResourceRequirement{
		{Type: types.ResourceTypeVcpu, Value: aws.String(v.String())},
		{Type: types.ResourceTypeMemory, Value: aws.String(m.String())},
	}
}
