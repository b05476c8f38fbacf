# deploy/images builds the images of both processes.
# Owns: the two Dockerfiles and their health check.
# Gets: a checkout, and the set-up of deploy/local for the worker.
# Gives: the images that deploy/truenas/core/docker-compose.yml starts.
#
# Image of the media process. Build it from the root of the checkout:
#   docker build -f deploy/images/media.Dockerfile .
# BuildKit is not required.
ARG NODE_IMAGE=node:24-bookworm-slim

# FFmpeg, and the libraries for a worker that is built from source; the name of
# Abseil's has its version. EXTRA_PACKAGES are drivers for hardware encoders.
FROM ${NODE_IMAGE} AS runtime
ARG EXTRA_PACKAGES=
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ffmpeg '^libabsl20[0-9]+$' libsrtp2-1 libssl3 libuv1 \
      ${EXTRA_PACKAGES} \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app

# The code of `npm run setup` gets the worker and tests it with a DTLS
# handshake. It downloads the official one, or else compiles it, which takes a
# few minutes. If deploy/images/mediasoup-worker exists, it uses that file. If
# it fails, it prints its logs, because no file of this stage is kept.
FROM runtime AS worker
ENV XDG_CACHE_HOME=/cache
COPY package.json package-lock.json .npmrc ./
COPY deploy/local deploy/local
COPY deploy/images deploy/images
RUN own=/app/deploy/images/mediasoup-worker \
 && if [ -f "$own" ]; then export MEDIASOUP_WORKER_BIN="$own"; fi \
 && { node deploy/local/setup.mjs || { cat /cache/dragonfork/logs/*; exit 1; }; } \
 && install -m 755 "${MEDIASOUP_WORKER_BIN:-$(ls /cache/dragonfork/mediasoup-worker-*-linux-*)}" /mediasoup-worker

FROM ${NODE_IMAGE} AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The worker's sources are half of the size; only the worker stage needs them.
# node-datachannel is the exporter's.
RUN npm ci --omit=dev --ignore-scripts \
 && npm cache clean --force \
 && rm -rf node_modules/mediasoup/worker node_modules/*node-datachannel

# Readable by the user node, even from a checkout made with umask 077.
FROM ${NODE_IMAGE} AS sources
WORKDIR /app
COPY package.json ./
COPY deploy/images/healthcheck.ts deploy/images/
COPY deploy/local/demo.json deploy/local/
COPY deploy/verify deploy/verify
COPY shared shared
COPY media media
RUN chmod -R a+rX .

FROM runtime
ENV NODE_ENV=production \
    MEDIASOUP_WORKER_BIN=/usr/local/bin/mediasoup-worker
COPY --from=worker /mediasoup-worker /usr/local/bin/mediasoup-worker
COPY --from=modules /app/node_modules node_modules
COPY --from=sources /app ./
# A named volume gets its owner from here.
RUN mkdir /data && chown node:node /data
USER node
# Fills the compile cache, so that a container starts faster.
RUN node media/main.ts --version && node media/ingest/relay/relay-main.ts
VOLUME /data
EXPOSE 8080
# A core that drains must not be restarted, so not /ping.
HEALTHCHECK --interval=10s --timeout=5s --start-period=1m --retries=3 \
  CMD ["node", "deploy/images/healthcheck.ts", "CORE_ADDRESS", "/ping?live"]
CMD ["node", "media/main.ts"]
