"""Clips, their features, the feature store, and splits."""
