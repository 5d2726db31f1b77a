#!/usr/bin/env python3
"""Cameras where there are none: GStreamer's RTSP server, which plays an H.264 file at its own rate on /cam0, /cam1 ...

    rtsp_server.py FILE PORT CAMERAS [USER:PASSWORD] [--once] [--address ADDRESS]

With --once a camera is gone when it has played the file to its end; else it begins again for who comes again. ADDRESS is where it listens,
127.0.0.1 if it is not told. Prints "ready", and ends with its standard input, so that it does not outlive who started it.
"""
import argparse
import os
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def end_with_input():
    sys.stdin.read()
    os._exit(0)


def play_once(factory, media, mounts, path):
    def look(pad, info):
        if info.get_event().type == Gst.EventType.EOS:
            mounts.remove_factory(path)
        return Gst.PadProbeReturn.OK

    pad = media.get_element().get_by_name("pay0").get_static_pad("src")
    pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, look)


def main(file, port, cameras, login, once, address):
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address(address)
    server.set_service(port)
    if login:
        user, password = login.split(":", 1)
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth = GstRtspServer.RTSPAuth.new()
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
    mounts = server.get_mount_points()
    for camera in range(cameras):
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(f"( filesrc location={file} ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )")
        if login:
            permissions = GstRtspServer.RTSPPermissions()
            for permission in ("media.factory.access", "media.factory.construct"):
                permissions.add_permission_for_role("viewer", permission, True)
            factory.set_permissions(permissions)
        if once:
            factory.connect("media-configure", play_once, mounts, f"/cam{camera}")
        mounts.add_factory(f"/cam{camera}", factory)
    if not server.attach(None):
        sys.exit(f"port {port} is taken")
    threading.Thread(target=end_with_input, daemon=True).start()
    print("ready", flush=True)
    GLib.MainLoop().run()


parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("port")
parser.add_argument("cameras", type=int)
parser.add_argument("login", nargs="?")
parser.add_argument("--once", action="store_true")
parser.add_argument("--address", default="127.0.0.1")
main(**vars(parser.parse_args()))
