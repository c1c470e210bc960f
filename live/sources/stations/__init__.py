"""Network stations as sources: Icecast and other HTTP, HLS and RTSP, with reconnection and titles.

The modules, with those that use others first: ``network_stream``, ``station_link``, ``feeds`` (HTTP, and
playlists), ``hls``, ``rtsp``, ``titles``, ``addresses``.
"""
