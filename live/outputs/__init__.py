"""The outputs of a session: lines, logs, reports, clips, other programs, and a web page."""
