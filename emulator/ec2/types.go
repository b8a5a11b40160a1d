package ec2

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A Type is what an instance type has.
type Type struct {
	Name  string
	VCPUs int64
	MiB   int64 // nominal: what is left for jobs is Usable
	GPUs  int64
	// Price orders types by their cost; it is no amount of money.
	Price int64
}

// Usable is the memory that is left for jobs, in MiB: the operating system reports less than the nominal size, and the agent holds back 32 MiB
// (resources.md 1.14).
//
// Guess: AWS's share is documented by examples only.
func (t Type) Usable() int64 { return max(0, t.MiB*975/1000-32) }

// Find is the type of a name; false if there is none.
func Find(name string) (Type, bool) {
	t, ok := table()[name]
	return t, ok
}

// Expand is the list of types that names, families and bundles stand for, without metal, in the order of the list; of a family the cheaper come
// first. A type that is named itself is left out of its family's (BEST_FIT_PROGRESSIVE_ORDERED, resources.md 1.12). Unknown names are left out.
func Expand(names []string) []string {
	var list []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	for _, name := range names {
		if _, exact := Find(name); exact {
			add(name)
			continue
		}
		families := Families(name)
		if families == nil {
			families = []string{name}
		}
		var types []Type
		for _, family := range families {
			for _, t := range typesOf(family) {
				if !slices.Contains(names, t.Name) {
					types = append(types, t)
				}
			}
		}
		slices.SortStableFunc(types, func(a, b Type) int { return cmp.Compare(a.Price, b.Price) })
		for _, t := range types {
			add(t.Name)
		}
	}
	return list
}

func typesOf(family string) []Type {
	var list []Type
	for _, row := range sizes() {
		if !slices.Contains(strings.Fields(row.families), family) {
			continue
		}
		for _, size := range strings.Fields(row.sizes) {
			if t, ok := Find(family + "." + size); ok && !strings.HasPrefix(size, "metal") {
				list = append(list, t)
			}
		}
	}
	return list
}

// table is every type, made when it is first asked for.
var table = sync.OnceValue(func() map[string]Type {
	all := map[string]Type{}
	for _, row := range sizes() {
		fields := strings.Fields(row.sizes)
		for _, family := range strings.Fields(row.families) {
			for _, size := range fields {
				if t, ok := derive(family, size, fields); ok {
					all[t.Name] = t
				}
			}
		}
	}
	for row := range strings.Lines(measured) {
		fields := strings.Fields(row)
		for _, family := range strings.Split(fields[0], ",") {
			for _, item := range fields[1:] {
				size, numbers, _ := strings.Cut(item, ":")
				n := strings.Split(numbers, "/")
				t := Type{Name: family + "." + size, VCPUs: number(n[0]), MiB: number(n[1])}
				if len(n) > 2 {
					t.GPUs = number(n[2])
				}
				all[t.Name] = t.priced()
			}
		}
	}
	return all
})

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// priced follows the price list of us-east-1 closely enough to order: so much for a vCPU, for a GiB and for a GPU.
func (t Type) priced() Type {
	t.Price = t.VCPUs*3400 + t.MiB*350/1024 + t.GPUs*50_000
	return t
}

// derive is a type by its name: the size says how many vCPUs it has, the family's first letter how much memory there is for each.
//
// Guess: of families that resources.md 1.13 does not have.
func derive(family, size string, sizes []string) (Type, bool) {
	vcpus := vcpusOf(size)
	if strings.HasPrefix(size, "metal") {
		_, like, given := strings.Cut(size, "-")
		if given {
			vcpus = vcpusOf(strings.Replace(like, "xl", "xlarge", 1))
		} else {
			for _, s := range sizes {
				vcpus = max(vcpus, vcpusOf(s))
			}
		}
	}
	if vcpus == 0 {
		return Type{}, false
	}
	gib := int64(4)
	switch family[0] {
	case 'c':
		gib = 2
	case 'r', 'z', 'i':
		gib = 8
	case 'x':
		gib = 16
	case 'u':
		gib = 24
	}
	t := Type{Name: family + "." + size, VCPUs: vcpus, MiB: vcpus * gib * 1024}
	if gpuFamily.MatchString(family) {
		t.GPUs = max(1, vcpus/24)
	}
	return t.priced(), true
}

func vcpusOf(size string) int64 {
	switch size {
	case "nano", "micro", "small", "medium":
		return 1
	case "large":
		return 2
	case "xlarge":
		return 4
	}
	if n, ok := strings.CutSuffix(size, "xlarge"); ok {
		return 4 * number(n)
	}
	return 0
}

// measured is resources.md 1.13: families, then size:vCPUs/MiB or size:vCPUs/MiB/GPUs.
const measured = `c4 large:2/3840 xlarge:4/7680 2xlarge:8/15360 4xlarge:16/30720 8xlarge:36/61440
c5 large:2/4096 xlarge:4/8192 2xlarge:8/16384 4xlarge:16/32768 9xlarge:36/73728 12xlarge:48/98304 18xlarge:72/147456 24xlarge:96/196608
c5a,c6i,c6a,c7a,c7i large:2/4096 xlarge:4/8192 2xlarge:8/16384 4xlarge:16/32768 8xlarge:32/65536 12xlarge:48/98304 16xlarge:64/131072 24xlarge:96/196608
c5n large:2/5376 xlarge:4/10752 2xlarge:8/21504 4xlarge:16/43008 9xlarge:36/98304 18xlarge:72/196608
c6i,c6a,c7a 32xlarge:128/262144
c6a,c7a,c7i 48xlarge:192/393216
c7a,c6g,c7g medium:1/2048
c6g,c7g large:2/4096 xlarge:4/8192 2xlarge:8/16384 4xlarge:16/32768 8xlarge:32/65536 12xlarge:48/98304 16xlarge:64/131072
m4 large:2/8192 xlarge:4/16384 2xlarge:8/32768 4xlarge:16/65536 10xlarge:40/163840 16xlarge:64/262144
m5,m5a,m6i,m6a,m7a,m7i large:2/8192 xlarge:4/16384 2xlarge:8/32768 4xlarge:16/65536 8xlarge:32/131072 12xlarge:48/196608 16xlarge:64/262144 24xlarge:96/393216
m6i,m6a,m7a 32xlarge:128/524288
m6a,m7a,m7i 48xlarge:192/786432
m7a,m6g,m7g medium:1/4096
m6g,m7g large:2/8192 xlarge:4/16384 2xlarge:8/32768 4xlarge:16/65536 8xlarge:32/131072 12xlarge:48/196608 16xlarge:64/262144
r4 large:2/15616 xlarge:4/31232 2xlarge:8/62464 4xlarge:16/124928 8xlarge:32/249856 16xlarge:64/499712
r5,r5a,r6i,r7i large:2/16384 xlarge:4/32768 2xlarge:8/65536 4xlarge:16/131072 8xlarge:32/262144 12xlarge:48/393216 16xlarge:64/524288 24xlarge:96/786432
r6i 32xlarge:128/1048576
r7i 48xlarge:192/1572864
r6g,r7g medium:1/8192 large:2/16384 xlarge:4/32768 2xlarge:8/65536 4xlarge:16/131072 8xlarge:32/262144 12xlarge:48/393216 16xlarge:64/524288
t2 nano:1/512 micro:1/1024 small:1/2048 medium:2/4096 large:2/8192 xlarge:4/16384 2xlarge:8/32768
t3,t3a,t4g nano:2/512 micro:2/1024 small:2/2048 medium:2/4096 large:2/8192 xlarge:4/16384 2xlarge:8/32768
g4dn xlarge:4/16384/1 2xlarge:8/32768/1 4xlarge:16/65536/1 8xlarge:32/131072/1 12xlarge:48/196608/4 16xlarge:64/262144/1
g5,g6 xlarge:4/16384/1 2xlarge:8/32768/1 4xlarge:16/65536/1 8xlarge:32/131072/1 12xlarge:48/196608/4 16xlarge:64/262144/1 24xlarge:96/393216/4 48xlarge:192/786432/8
p2 xlarge:4/62464/1 8xlarge:32/499712/8 16xlarge:64/749568/16
p3 2xlarge:8/62464/1 8xlarge:32/249856/4 16xlarge:64/499712/8
p3dn 24xlarge:96/786432/8
p4d 24xlarge:96/1179648/8
p5 4xlarge:16/262144/1 48xlarge:192/2097152/8
`
