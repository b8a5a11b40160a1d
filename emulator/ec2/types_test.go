package ec2

import (
	"slices"
	"testing"
)

// TestTypes is resources.md 1.13 and 1.14, by example.
func TestTypes(t *testing.T) {
	for name, want := range map[string]Type{
		"m4.large":    {VCPUs: 2, MiB: 8192},
		"c5.large":    {VCPUs: 2, MiB: 4096},
		"g4dn.xlarge": {VCPUs: 4, MiB: 16384, GPUs: 1},
		"c7a.medium":  {VCPUs: 1, MiB: 2048},
		"t3.micro":    {VCPUs: 2, MiB: 1024},
		"r8g.2xlarge": {VCPUs: 8, MiB: 65536}, // by its name
	} {
		got, ok := Find(name)
		if !ok || got.VCPUs != want.VCPUs || got.MiB != want.MiB || got.GPUs != want.GPUs {
			t.Errorf("%s is %+v", name, got)
		}
	}
	for name, want := range map[string]int64{"m4.large": 7955, "m5.xlarge": 15942, "t3.micro": 966} {
		if got, _ := Find(name); got.Usable() != want {
			t.Errorf("%s has %d MiB for jobs, want %d", name, got.Usable(), want)
		}
	}
}

// TestEveryTypeHasSomething: each name that is accepted can be launched, or is a family or a bundle of such.
func TestEveryTypeHasSomething(t *testing.T) {
	for _, name := range Names() {
		list := Expand([]string{name})
		if len(list) == 0 && !onlyMetal(name) {
			t.Errorf("%s stands for nothing", name)
		}
		for _, of := range list {
			if got, ok := Find(of); !ok || got.VCPUs < 1 || got.Usable() < 4 || got.Price < 1 {
				t.Errorf("%s: %s is %+v", name, of, got)
			}
		}
	}
}

func onlyMetal(family string) bool { return len(typesOf(family)) == 0 }

// TestExpand is resources.md 1.12.
func TestExpand(t *testing.T) {
	if got := Expand([]string{"optimal"}); got[0] != "c6i.large" || !slices.Contains(got, "r6i.32xlarge") || slices.Contains(got, "m6i.metal") {
		t.Errorf("optimal is %v", got)
	}
	if got := Expand([]string{"c5", "m5.large", "c5.large"}); got[0] != "c5.xlarge" || got[len(got)-1] != "c5.large" {
		t.Errorf("a type that is named is not of its family: %v", got)
	}
}
