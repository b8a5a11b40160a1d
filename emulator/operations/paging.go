package operations

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// A token says where a page begins: what it belongs to (the operation and its filters, so that it fits no other), and a position.
// Positions are values of an order that never changes, not offsets: a page stays right while items come and go.

func token(of string, position string) *string {
	return new(base64.RawURLEncoding.EncodeToString([]byte(of + "\n" + position)))
}

// position reads a token; a missing or empty one (wire.md 2) is the beginning.
func position(of string, given *string) (string, error) {
	if api.Value(given) == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*given)
	if err == nil {
		if belongs, at, ok := strings.Cut(string(text), "\n"); ok && belongs == of {
			return at, nil
		}
	}
	// Guess: the text was not seen (resources.md 0.3).
	return "", api.ClientError("Invalid NextToken")
}

// number is the position of what is ordered by number.
func number(of string, given *string) (uint64, error) {
	at, err := position(of, given)
	if err != nil || at == "" {
		return 0, err
	}
	n, err := strconv.ParseUint(at, 10, 64)
	if err != nil {
		return 0, api.ClientError("Invalid NextToken")
	}
	return n, nil
}

// pageSize is how many items a page may have (resources.md 0.6).
func pageSize(given *int32) (int, error) {
	switch {
	case given == nil:
		return 100, nil
	case *given < 1 || *given > 100:
		// Guess: refused, as the model says 1 to 100; the text was not seen (resources.md 0.3).
		return 0, api.Invalid("MaxResults must be between 1 and 100")
	}
	return int(*given), nil
}
