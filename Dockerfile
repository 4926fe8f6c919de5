# aNode in an image of one file, which runs as nobody in particular.
#
#   docker build -t anode .
#   docker run --rm -p 127.0.0.1:8080:8080 -v anode:/data anode serve --insecure --mesh 127.0.0.1:7946
#
# That is one node alone. To be one of a mesh it listens at :7946, and wants a secret: docker-compose.yml shows how.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# What the program says of itself is what git says of the source, unless it is given.
ARG VERSION=""
ARG COMMIT=""
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    version="${VERSION:-$(git describe --tags --always 2>/dev/null || echo unknown)}" && \
    commit="${COMMIT:-$(git rev-parse HEAD 2>/dev/null || true)}" && \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$version -X main.commit=$commit" -o /out/anode ./cmd/anode && \
    mkdir -p /out/data /out/secret && chmod 700 /out/data /out/secret

FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="aNode" \
      org.opencontainers.image.description="A decentralised real-time data mesh in one binary" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/anode /usr/local/bin/anode
# Volumes take these directories' owner when they are made.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/secret /secret
ENV ANODE_DATA=/data ANODE_HTTP=:8080 ANODE_MESH=:7946 ANODE_LOG_FORMAT=json
USER 65532:65532
VOLUME /data
EXPOSE 8080/tcp 7946/tcp 7946/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --start-interval=1s CMD ["/usr/local/bin/anode", "health"]
ENTRYPOINT ["/usr/local/bin/anode"]
CMD ["serve"]
