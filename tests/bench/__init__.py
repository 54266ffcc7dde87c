"""What `make bench` measures and prints; it judges numbers and never fails a test run."""
