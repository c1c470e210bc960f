"""``--web``: the session as a page for every screen, as events, and as figures for Prometheus."""
