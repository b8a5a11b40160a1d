// Command job is what a job does with AWS: it knows neither where AWS is nor who it is, as its environment says both.
//
//	job store BUCKET KEY TEXT       writes an object, reads it again, and prints it
//	job submit NAME QUEUE JOBDEF    submits a job, and prints its id
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := do(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "job:", err)
		os.Exit(1)
	}
}

func do(ctx context.Context, words []string) error {
	if len(words) != 4 {
		return errors.New("usage: job store BUCKET KEY TEXT, or job submit NAME QUEUE JOBDEF")
	}
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	// Which of the many ways to credentials it was, and whose they are.
	who, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	fmt.Println("credentials of", who.Source, "of account", who.AccountID)
	switch words[0] {
	case "store":
		return store(ctx, s3.NewFromConfig(c), words[1], words[2], words[3])
	case "submit":
		out, err := batch.NewFromConfig(c).SubmitJob(ctx, &batch.SubmitJobInput{JobName: &words[1], JobQueue: &words[2], JobDefinition: &words[3]})
		if err != nil {
			return err
		}
		fmt.Println("submitted", *out.JobId)
		return nil
	}
	return fmt.Errorf("no such action: %s", words[0])
}

func store(ctx context.Context, c *s3.Client, bucket, key, text string) error {
	if _, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(text)}); err != nil {
		return err
	}
	out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	read, err := io.ReadAll(out.Body)
	if err != nil {
		return err
	}
	fmt.Printf("s3://%s/%s holds %s\n", bucket, key, read)
	return nil
}
