package secrets

import (
	"strings"
	"testing"

	"github.com/batch-local/batch-local/emulator/batch"
)

// FuzzParse holds that a valueFrom which is understood can be put together again, whatever it is.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "name", "/path/name", "arn:aws:secretsmanager:r:1:secret:a-AbCdEf", "arn:aws:secretsmanager:r:1:secret:a-AbCdEf:k:s:v", "arn:aws:secretsmanager:r:1:secret:a-AbCdEf:::",
		"arn:aws:ssm:r:1:parameter/p", "arn:aws:ssm:r:1:parameter", "arn:aws:ssm", "arn:aws:secretsmanager", "arn:", "arn:::::", "arn:aws:s3:::b", "arn:aws:secretsmanager:::secret:-AbCdEf",
	} {
		f.Add(text)
	}
	job := batch.Scope{Account: "111122223333", Region: "eu-west-1"}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parse(text, job)
		if err != nil {
			if !strings.HasPrefix(text, "arn:") {
				t.Errorf("%q: a name was refused: %v", text, err)
			}
			return
		}
		again := r.id
		if r.text != r.id {
			again += ":" + r.key + ":" + r.stage + ":" + r.version
		}
		if again != text || r.text != text || r.at.Region == "" || r.at.Account == "" || len(r.names()) == 0 {
			t.Errorf("%q is understood as %+v", text, r)
		}
		if !r.secret && (r.key != "" || r.stage != "" || r.version != "") {
			t.Errorf("%q: a parameter has %+v", text, r)
		}
		for _, name := range r.names() {
			if !r.secret && name == "" && text != "" {
				t.Errorf("%q has an empty name", text)
			}
		}
	})
}
