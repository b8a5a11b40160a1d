package docker

import (
	"regexp"
	"testing"
)

// Names of addresses give way to those that are taken, within their network and region; others are what they are.
func TestClaim(t *testing.T) {
	s := newSandboxes(&Driver{})
	for _, test := range []struct{ of, name, want string }{
		{"i-1", "ip-172-31-1-2", `^ip-172-31-1-2$`},
		{"i-2", "ip-172-31-1-2", `^ip-172-31-1-2$`}, // of an instance all say the same
		{"task", "ip-172-31-1-2", `^ip-172-31-\d+-\d+$`},
		{"task", "ip-10-0-1-2.ec2.internal", `^ip-10-0-1-2\.ec2\.internal$`},
		{"task", "ip-10-0-1-2.ec2.internal", `^ip-10-0-\d+-\d+\.ec2\.internal$`},
		{"task", "algo-1", `^algo-1$`},
		{"task", "algo-1", `^algo-1$`},
	} {
		before := s.names[test.name]
		got := s.claim(test.of, test.name)
		if !regexp.MustCompile(test.want).MatchString(got) || test.of == "task" && before > 0 && got == test.name && got != "algo-1" || s.names[got] < 1 {
			t.Errorf("%s wants %s and has %s", test.of, test.name, got)
		}
	}
	for range 2 {
		s.release("algo-1")
	}
	s.release("ip-10-0-1-2.ec2.internal")
	if got := s.claim("task", "ip-10-0-1-2.ec2.internal"); got != "ip-10-0-1-2.ec2.internal" || s.names["algo-1"] != 0 {
		t.Errorf("a name that was given back is not there: %s, %v", got, s.names)
	}
}
