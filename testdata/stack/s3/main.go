// Command s3 is an object store that speaks S3, in memory: what MinIO or LocalStack are in other stacks. Its arguments are an address, and the names
// under which it is called, for clients that put the bucket before the name.
package main

import (
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: s3 ADDRESS [NAME:PORT...]")
	}
	l, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.SetFlags(0)
	log.Print(l.Addr())
	store := gofakes3.New(s3mem.New(), gofakes3.WithAutoBucket(true), gofakes3.WithHostBucketBase(os.Args[2:]...))
	server := &http.Server{Handler: store.Server(), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(l))
}
