module peers

go 1.22

require (
	github.com/hashicorp/golang-lru/v2 v2.0.7
	github.com/stripe/stripe-go/v85 v85.0.0
)
