# The exporter. Build from the root of the checkout:
#   docker build -f deploy/images/exporter.Dockerfile .
# No BuildKit needed.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The media process's own packages stay out; the lock file pins the rest.
RUN npm pkg delete dependencies.mediasoup dependencies.sdp-transform dependencies.undici \
 && npm install --omit=dev --ignore-scripts \
 && npm cache clean --force

# Readable to the user node, also where the checkout was made under umask 077.
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
# A named volume takes its owner from here.
RUN mkdir /data && chown node:node /data
USER node
# Fills the compile cache, so that a container starts faster.
RUN node exporter/main.ts --version
VOLUME /data
EXPOSE 9464 9465
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "deploy/images/healthcheck.ts", "EXPORTER_ADDRESS", "/-/healthy"]
CMD ["node", "exporter/main.ts"]
