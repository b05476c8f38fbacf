# Image of the exporter. Build it from the root of the checkout:
#   docker build -f deploy/images/exporter.Dockerfile .
# BuildKit is not required.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without the packages of the media process; the lock file pins the rest.
RUN npm pkg delete dependencies.mediasoup dependencies.sdp-transform dependencies.undici \
 && npm install --omit=dev --ignore-scripts \
 && npm cache clean --force

# Readable by the user node, even from a checkout made with umask 077.
FROM ${NODE_IMAGE} AS sources
WORKDIR /app
COPY package.json ./
COPY shared shared
COPY exporter exporter
COPY deploy/images/healthcheck.ts deploy/images/
RUN chmod -R a+rX .

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=modules /app/node_modules node_modules
COPY --from=sources /app ./
# A named volume gets its owner from here.
RUN mkdir /data && chown node:node /data
USER node
# Fills the compile cache, so that a container starts faster.
RUN node exporter/main.ts --version && node exporter/probe/player-main.ts
VOLUME /data
EXPOSE 9464 9465
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "deploy/images/healthcheck.ts", "EXPORTER_ADDRESS", "/-/healthy"]
CMD ["node", "exporter/main.ts"]
