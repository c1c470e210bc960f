"""GStreamer's RTSP server on the loopback, run by the system's Python because its bindings are not on PyPI.

Usage: ``rtsp_server.py PORT USER PASSWORD``. It serves ``/noise``, and ``/locked`` with the password, and
prints a line when it is ready.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 (its version is chosen first)

NOISE = (
    "( audiotestsrc is-live=true wave=pink-noise ! audio/x-raw,rate=44100,channels=2 ! audioconvert "
    "! audio/x-raw,format=S16BE ! rtpL16pay name=pay0 )"
)


def main(port: str, user: str, password: str) -> None:
    """Serve until killed."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    auth = GstRtspServer.RTSPAuth()
    listener = GstRtspServer.RTSPToken()
    listener.set_string("media.factory.role", "listener")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), listener)
    anybody = GstRtspServer.RTSPToken()
    anybody.set_string("media.factory.role", "anybody")
    auth.set_default_token(anybody)
    server.set_auth(auth)
    for path in ("/noise", "/locked"):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(NOISE)
        factory.set_shared(True)
        for role in ("listener", "anybody"):
            permissions = Gst.Structure.new_empty(role)
            permissions.set_value("media.factory.access", True)
            permissions.set_value("media.factory.construct", path != "/locked" or role == "listener")
            factory.add_role_from_structure(permissions)
        server.get_mount_points().add_factory(path, factory)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
