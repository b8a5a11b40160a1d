package command

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
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

// size is what a container needs, as the API has it.
func size(v vcpus, m memory) []types.ResourceRequirement {
	return []types.ResourceRequirement{
		{Type: types.ResourceTypeVcpu, Value: aws.String(v.String())},
		{Type: types.ResourceTypeMemory, Value: aws.String(m.String())},
	}
}
