"""Evaluation of a bundle: streamed inference, metrics and the report."""
