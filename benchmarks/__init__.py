"""Benchmarks that anyone can repeat; these are not tests."""
