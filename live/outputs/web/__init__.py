"""``--web``: the session as a web page, as an event stream, and as metrics for Prometheus."""
