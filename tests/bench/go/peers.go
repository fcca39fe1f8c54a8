// Command peers measures the same job with Go packages. It prints lines {"name": "peer/size", "ns": ...}.
//
// The job: verify the signature and its timestamp, parse the JSON, and refuse an event whose id is known. stripe-go
// does the first part; encoding/json and golang-lru do the rest, as in an application.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
	"github.com/stripe/stripe-go/v85/webhook"
)

const (
	enough   = 200 * time.Millisecond // for each benchmark
	capacity = 128                    // less than the number of deliveries, so each is forgotten when it comes again
)

var (
	folder = os.Getenv("PUCK_BENCH_DELIVERIES")
	sizes  = []int{256, 1024, 4096, 65536}
)

type delivery struct {
	header http.Header
	body   []byte
}

// envelope keeps the data as raw JSON, because only the handler of an event knows its fields. stripe-go's
// ConstructEvent would parse the body into Stripe's envelope, which is different, so only its verification is used.
type envelope struct {
	EventID    string          `json:"event_id"`
	EventType  string          `json:"event_type"`
	EmittedAt  string          `json:"emitted_at"`
	APIVersion string          `json:"api_version"`
	Data       json.RawMessage `json:"data"`
}

type receiver struct {
	secret string
	seen   *expirable.LRU[string, struct{}]
}

func newReceiver(secret string) *receiver {
	return &receiver{secret, expirable.NewLRU[string, struct{}](capacity, nil, 24*time.Hour)}
}

func (r *receiver) receive(one delivery) (*envelope, error) {
	// Puck signs as Stripe does; only the name of the header is different.
	if err := webhook.ValidatePayload(one.body, one.header.Get("X-Puck-Signature"), r.secret); err != nil {
		return nil, err
	}
	var event envelope
	if err := json.Unmarshal(one.body, &event); err != nil {
		return nil, err
	}
	// Get, because Contains also finds expired entries.
	if _, found := r.seen.Get(event.EventID); found {
		return nil, errors.New("a new delivery counts as a duplicate")
	}
	r.seen.Add(event.EventID, struct{}{})
	return &event, nil
}

func deliveries(scheme string, size int) ([]delivery, error) {
	file, err := os.Open(filepath.Join(folder, fmt.Sprintf("%s-%d.ndjson", scheme, size)))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []delivery
	for lines := json.NewDecoder(file); ; {
		var line struct {
			Headers map[string]string
			Body    string
		}
		if err := lines.Decode(&line); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		one := delivery{http.Header{}, []byte(line.Body)}
		for name, value := range line.Headers {
			one.header.Set(name, value)
		}
		all = append(all, one)
	}
}

// measure times rounds over all deliveries. The first round is a warm-up and does not count.
func measure(name string, r *receiver, all []delivery) error {
	var spent time.Duration
	rounds := -1
	for spent <= enough {
		start := time.Now()
		for _, one := range all {
			if _, err := r.receive(one); err != nil {
				return fmt.Errorf("a delivery was judged wrongly: %w", err)
			}
		}
		if rounds++; rounds > 0 {
			spent += time.Since(start)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"name": name,
		"ns":   float64(spent.Nanoseconds()) / float64(rounds*len(all)),
	})
}

func run() error {
	secret, err := os.ReadFile(filepath.Join(folder, "puck.secret"))
	if err != nil {
		return err
	}
	for _, size := range sizes {
		all, err := deliveries("puck", size)
		if err != nil {
			return err
		}
		if err := measure(fmt.Sprintf("stripe-go/%d", size), newReceiver(string(secret)), all); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
