// Command sdk is a program as users write them: the unmodified AWS SDK finds its region and its credentials by itself, and it prints
// where they come from.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "sdk:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	is, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	c, err := is.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	fmt.Println("region", is.Region)
	fmt.Println("from", c.Source)
	fmt.Println("key", c.AccessKeyID)
	fmt.Println("token", c.SessionToken != "")
	fmt.Println("lasts", c.CanExpire && time.Until(c.Expires) > time.Hour)
	return nil
}
