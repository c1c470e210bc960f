"""Where events go: lines, logs, reports, recordings, other programs."""
