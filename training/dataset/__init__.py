"""Clips, their features, the store they are kept in, and how they are divided."""
