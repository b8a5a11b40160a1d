package endpoint

import "golang.org/x/time/rate"

// Unlimited lets benchmarks ask as often as they can.
func Unlimited(s *Server) *Server {
	s.limit = rate.Inf
	return s
}
