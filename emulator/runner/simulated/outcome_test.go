package simulated_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/batch-local/batch-local/emulator/runner/simulated"
)

func TestParseOutcome(t *testing.T) {
	nine := int32(9)
	for _, test := range []struct {
		name, text string
		want       simulated.Outcome
	}{
		{"nothing", `{}`, simulated.Outcome{}},
		{"space", " {\n\"exitCode\" :\t[ 1 , 2 ] } \n", simulated.Outcome{ExitCode: []int32{1, 2}}},
		{
			"every member once",
			`{"duration":"1h30m","startDelay":"90s","exitCode":3,"reason":"why","oom":true,"startError":"no","hostLost":false,"logs":["a","b"],"ignoreStop":true,"stopExitCode":9}`,
			simulated.Outcome{
				Duration: 90 * time.Minute, StartDelay: 90 * time.Second, ExitCode: []int32{3}, Reason: []string{"why"}, OOM: []bool{true},
				StartError: []string{"no"}, HostLost: []bool{false}, Logs: []string{"a", "b"}, IgnoreStop: true, StopExitCode: &nine,
			},
		},
		{
			"every list",
			`{"exitCode":[0,255],"reason":["a",""],"oom":[true,false],"startError":["x",""],"hostLost":[false,true]}`,
			simulated.Outcome{
				ExitCode: []int32{0, 255}, Reason: []string{"a", ""}, OOM: []bool{true, false}, StartError: []string{"x", ""}, HostLost: []bool{false, true},
			},
		},
		{"no lines", `{"logs":[]}`, simulated.Outcome{}},
		{"lines as print writes them", `{"logs":["a\nb\n","","c\n\n"]}`, simulated.Outcome{Logs: []string{"a", "b", "", "c", ""}}},
		{"no time", `{"duration":"0","startDelay":"0s"}`, simulated.Outcome{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := simulated.ParseOutcome(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, *got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

func TestParseOutcomeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                             "it is not JSON: unexpected EOF",
		`nothing`:                      "it is not JSON: invalid character 'o' in literal null (expecting 'u')",
		`null`:                         "it is not a JSON object",
		`[]`:                           "it is not a JSON object",
		`3`:                            "it is not a JSON object",
		`{`:                            "it is not JSON: unexpected EOF",
		`{"exitCode":`:                 "it is not JSON: unexpected EOF",
		`{"exitCode":1`:                "it is not JSON: unexpected EOF",
		`{"exitCode":1,}`:              "it is not JSON: invalid character '}'",
		`{"exitCode":1} {}`:            "something follows the JSON object",
		`{"exitCode":1}x`:              "something follows the JSON object",
		`{1:2}`:                        "it is not JSON: invalid character '1'",
		`{"durration":"1s"}`:           "durration is no member of an outcome; there are duration, exitCode, hostLost, ignoreStop, logs, oom, reason, startDelay, startError, stopExitCode",
		`{"ExitCode":1}`:               "ExitCode is no member of an outcome",
		`{"exitCode":1,"exitCode":2}`:  "exitCode is there twice",
		`{"duration":5}`:               `duration is 5, not a text such as "1m30s"`,
		`{"duration":["1s"]}`:          `duration is ["1s"], not a text such as "1m30s"`,
		`{"duration":"5"}`:             `duration is "5", not a duration such as "1m30s"`,
		`{"duration":"-1s"}`:           `duration is "-1s"; it cannot be negative`,
		`{"duration":"300000000h"}`:    `duration is "300000000h", not a duration such as "1m30s"`,
		`{"startDelay":"soon"}`:        `startDelay is "soon", not a duration such as "1m30s"`,
		`{"exitCode":"no"}`:            `exitCode is "no", not an exit code from 0 to 255`,
		`{"exitCode":256}`:             "exitCode is 256, not an exit code from 0 to 255",
		`{"exitCode":-1}`:              "exitCode is -1, not an exit code from 0 to 255",
		`{"exitCode":1.0}`:             "exitCode is 1.0, not an exit code from 0 to 255",
		`{"exitCode":null}`:            "exitCode is null, not an exit code from 0 to 255",
		`{"exitCode":[1,"2"]}`:         `exitCode number 2 is "2", not an exit code from 0 to 255`,
		`{"exitCode":[]}`:              "exitCode is an empty list; its last value could not repeat",
		`{"stopExitCode":[1]}`:         "stopExitCode is [1], not an exit code from 0 to 255",
		`{"reason":7}`:                 "reason is 7, not a text",
		`{"reason":[["x"]]}`:           `reason number 1 is ["x"], not a text`,
		`{"oom":"yes"}`:                `oom is "yes", not true or false`,
		`{"oom":[true,null]}`:          "oom number 2 is null, not true or false",
		`{"startError":false}`:         "startError is false, not a text",
		`{"hostLost":1}`:               "hostLost is 1, not true or false",
		`{"logs":"one"}`:               `logs is "one", not a list`,
		`{"logs":["one",2]}`:           "logs number 2 is 2, not a text",
		`{"ignoreStop":[true]}`:        "ignoreStop is [true], not true or false",
		`{"reason":[` + long + `]}`:    `reason number 1 is ` + long[:37] + `..., not a text`,
		`{"` + long + `":1}`:           long[:40] + " is no member of an outcome",
		`{"oom":{"exitCode":["\ud83"}`: "it is not JSON: invalid character '\"' in \\u hexadecimal character escape",
	} {
		_, err := simulated.ParseOutcome(text)
		if err == nil {
			t.Errorf("%s is taken; want %q", text, want)
		} else if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\n got %s\nwant %s", text, err, want)
		}
	}
}

var long = strings.Repeat("1", 500)

// FuzzParseOutcome looks for a text that breaks the decoder, or that it takes though a driver could not act on it.
func FuzzParseOutcome(f *testing.F) {
	for _, text := range []string{`{}`, `{"duration":"1s","exitCode":[1,2]}`, `{"logs":["a\nb"]}`, `{"a`, `[`, `{"exitCode":1,"exitCode":1}`, `{"stopExitCode":0}x`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := simulated.ParseOutcome(text)
		if err != nil {
			if !utf8.ValidString(err.Error()) && utf8.ValidString(text) {
				t.Errorf("%q: the error is not UTF-8: %q", text, err)
			}
			return
		}
		if o.Duration < 0 || o.StartDelay < 0 {
			t.Errorf("%q: negative time %v, %v", text, o.Duration, o.StartDelay)
		}
		codes := o.ExitCode
		if o.StopExitCode != nil {
			codes = append(codes, *o.StopExitCode)
		}
		for _, code := range codes {
			if code < 0 || code > 255 {
				t.Errorf("%q: exit code %d", text, code)
			}
		}
	})
}
