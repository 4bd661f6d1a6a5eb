# syntax=docker/dockerfile:1

# The server as an image for a PostgreSQL that runs elsewhere (DATABASE_URL); it has none of its own.
# docker-compose.yml runs both.

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin countersign \
    && cp target/release/countersign /usr/local/bin/countersign

FROM debian:bookworm-slim
# The certificates of the authorities that the platforms' servers are checked against.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/countersign --create-home countersign
COPY --from=build /usr/local/bin/countersign /usr/local/bin/countersign

USER countersign
WORKDIR /var/lib/countersign
# Keys are made here at the first start, so the folder outlives the container.
VOLUME /var/lib/countersign
ENV COUNTERSIGN_DATA_DIR=/var/lib/countersign \
    COUNTERSIGN_LISTEN=0.0.0.0:8000
EXPOSE 8000

HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["countersign", "healthcheck"]
ENTRYPOINT ["countersign"]
CMD ["serve"]
