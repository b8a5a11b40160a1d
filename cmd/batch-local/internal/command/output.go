package command

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// Values of --output.
const (
	asTable = "table"
	asJSON  = "json"
)

// outputFlag gives a command that prints a list --output.
func outputFlag(cmd *cobra.Command) *string {
	return choiceFlag(cmd, "output", "o", []string{asTable, asJSON}, "how to print the list")
}

// table writes rows under their headings in columns. It takes control characters out: names and reasons come from elsewhere.
func table(w io.Writer, headings []string, rows [][]string) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{headings}, rows...) {
		for i := range row {
			row[i] = printable(row[i])
		}
		fmt.Fprintln(columns, strings.TrimRight(strings.Join(row, "\t"), "\t "))
	}
	return columns.Flush()
}

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
}

// printJSON writes a value of the SDK with the API's own member names.
func printJSON(w io.Writer, value any) error {
	return printOwn(w, wire(reflect.ValueOf(value)))
}

// printOwn writes a value that has its own names for JSON.
func printOwn(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// wire is a value of the SDK as the API writes it. The SDK's structs have no names for JSON: their fields are the API's
// members with the first letter raised. What is not set is left out, as the API does.
func wire(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return wire(v.Elem())
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = wire(v.Index(i))
		}
		return list
	case reflect.Struct:
		members := make(map[string]any)
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() || v.Field(i).IsZero() {
				continue
			}
			if field.Anonymous {
				for name, value := range wire(v.Field(i)).(map[string]any) {
					members[name] = value
				}
				continue
			}
			members[strings.ToLower(field.Name[:1])+field.Name[1:]] = wire(v.Field(i))
		}
		return members
	}
	return v.Interface()
}
