// Package ec2 knows EC2 instance types: which there are, what each has, and what it costs relative to others.
//
// Names are those of the service; vCPUs, memory and GPUs of the usual families are AWS's numbers (resources.md 1.13), those of the rest follow
// from their names. Prices are no prices: they order types as AWS's price list does, which is all that an allocation strategy asks.
package ec2
