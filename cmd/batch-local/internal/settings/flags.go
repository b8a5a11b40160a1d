package settings

import (
	"strings"

	"github.com/spf13/pflag"
)

// Flags keeps what the command line says, unjudged: [Load] judges all sources alike.
type Flags struct{ texts map[string][]string }

// AddFlags gives set one flag for each setting.
func AddFlags(set *pflag.FlagSet) *Flags {
	flags := &Flags{make(map[string][]string)}
	set.SortFlags = false
	for _, row := range table() {
		flag := set.VarPF(&value{row, flags}, row.name, "", row.help)
		if row.boolean() {
			flag.NoOptDefVal = "true"
		}
	}
	return flags
}

// Choices are the words that a setting can be, for settings that know few; by name of flag.
func Choices() map[string][]string {
	choices := make(map[string][]string)
	for _, row := range table() {
		if row.choices != nil {
			choices[row.name] = row.choices
		}
	}
	return choices
}

func (f *Flags) given(name string) ([]string, bool) {
	if f == nil {
		return nil, false
	}
	texts, ok := f.texts[name]
	return texts, ok
}

// value is one flag.
type value struct {
	row   setting
	flags *Flags
}

func (v *value) Set(text string) error {
	if v.row.repeatable() {
		v.flags.texts[v.row.name] = append(v.flags.texts[v.row.name], v.row.list(text, true)...)
		return nil
	}
	v.flags.texts[v.row.name] = []string{text}
	return nil
}

func (v *value) String() string {
	if texts, ok := v.flags.given(v.row.name); ok {
		return strings.Join(texts, ",")
	}
	return v.row.fallback
}

// Type stands for the value in help.
func (v *value) Type() string {
	if v.row.boolean() {
		return "bool" // which help leaves out
	}
	return v.row.placeholder
}
