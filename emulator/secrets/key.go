package secrets

import (
	"encoding/json"
	"errors"
	"fmt"
)

// pick takes the value of a key out of a secret's text. One that is no text is printed as Go prints it, because the agent does.
func pick(text, key string) (string, error) {
	var all map[string]any
	if json.Unmarshal([]byte(text), &all) != nil {
		// Guess: the agent shows the decoder's error here, and with it a character of the secret.
		return "", errors.New("retrieved secret from Secrets Manager is not a JSON object, so it has no json key " + key)
	}
	value, ok := all[key]
	if !ok {
		return "", errors.New("retrieved secret from Secrets Manager did not contain json key " + key)
	}
	return fmt.Sprint(value), nil
}
