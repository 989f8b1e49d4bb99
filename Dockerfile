# syntax=docker/dockerfile:1
#
# The one image of all roles: the program, the few libraries that it links, and nothing else; no shell.
#
#   docker build -t parlance .
#   docker run --rm -p 127.0.0.1:5501:5501 -p 127.0.0.1:8001:8001 -v parlance:/data parlance --dev
#   docker run ... parlance gateway|auth|channel|message|presence|notification|link-preview|migrate|app ...
#
# Needs BuildKit (the default of today's engines). helm/README.md says what of this was run and what was not.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# Crates and what was compiled from them stay in the builder's cache: a change of ours compiles ours alone.
RUN --mount=type=cache,id=parlance-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=parlance-target,target=/src/target \
    cargo build --release --locked --package parlance \
    && install -D target/release/parlance /out/parlance
RUN scripts/image-root /out/parlance /root-of-image

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Parlance" \
      org.opencontainers.image.description="A self-hosted chat backend that speaks several published chat APIs at once" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /root-of-image /
# The user owns /data and nothing else; the root filesystem may be read-only.
COPY --from=build --chown=65532:65532 /root-of-image/data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
# Inside a container loopback is nobody; who reaches the ports is decided outside.
ENV PATH=/usr/bin \
    PARLANCE__DATA_DIR=/data \
    PARLANCE__GATEWAY__LISTEN=0.0.0.0:5501 \
    PARLANCE__GATEWAY__REALTIME_LISTEN=0.0.0.0:8001 \
    PARLANCE__GRPC__LISTEN=0.0.0.0:50051
# REST and realtime, realtime alone, gRPC, health and metrics (where `ops.listen` is set).
EXPOSE 5501 8001 50051 9090
STOPSIGNAL SIGTERM
ENTRYPOINT ["parlance"]
