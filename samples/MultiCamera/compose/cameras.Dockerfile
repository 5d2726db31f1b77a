# The same packages as eng/video-test-packages.sh installs.
FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
    && rm -rf /var/lib/apt/lists/*
USER nobody
