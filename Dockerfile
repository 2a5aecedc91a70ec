# The whole program on the processor: server, Studio, worker and embedded Postgres. docs/OPERATIONS.md says how to run it, and what a GPU needs.
FROM debian:bookworm-slim AS base
# OpenMP is the model runtime's; util-linux, which is there, ends child processes with their parent.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates libgomp1 \
  && rm -rf /var/lib/apt/lists/*

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
# Node itself is one of the packages; it and the media library fetch their binaries from npm when they are installed.
RUN npm rebuild node node-av sharp --no-audit --no-fund
COPY . .
# Types, database client and Studio are made once, in here; then what only that needed goes.
RUN node scripts/generate.mjs \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf studio test bench training examples scripts node_modules/.cache

FROM base
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 DATA_DIR=/data
WORKDIR /app
COPY --from=build /app /app
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin cinegraph \
  && mkdir /data \
  && chown cinegraph /data
USER 10001
# Everything that is written lies here and in /tmp: the root file system may be read-only.
VOLUME ["/data"]
EXPOSE 4000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
  CMD ["node_modules/.bin/node", "-e", "fetch('http://127.0.0.1:4000/health/live').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# As `npm start` does.
ENTRYPOINT ["node_modules/.bin/node", "--max-semi-space-size=16", "src/main.ts"]
CMD ["--role", "all"]
