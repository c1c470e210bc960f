"""How well a bundle hears: streamed inference, metrics and the report."""
