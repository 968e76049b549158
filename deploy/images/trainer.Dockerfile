# trainer: fine-tunes models with the kept rows, in libtensorflow.
#
# The context is a folder that `node tools/images/src/main.ts stage` makes (`... build` makes it, and runs docker): the archives have
# owners, times and an order that do not depend on who makes them, and nothing is fetched here. So the same sources give the same
# layers. Only what the classic builder and BuildKit both know is used.
ARG BASE=node:24-slim
FROM ${BASE} AS common

# TensorFlow comes first: it is large, and changes seldom.
ADD tensorflow.tar /
# Sources, which Node runs as they are, npm packages, and the two folders that the process may write to.
ADD application.tar /

# What the service keeps is in one volume; models, data and outputs, which callers name, in another, and callers' paths are kept below
# it. Code that Node caches is with the former: callers cannot write there.
ENV PEMMICAN_LISTEN=0.0.0.0:50053 \
    PEMMICAN_STATE_DIRECTORY=/var/lib/pemmican/state \
    PEMMICAN_CACHE_DIR=/var/lib/pemmican/cache \
    PEMMICAN_ARTIFACT_ROOTS=/data \
    NODE_COMPILE_CACHE=/var/lib/pemmican/cache/compiled \
    HOME=/var/lib/pemmican

# The root file system may be read-only: with /tmp writable, nothing else is written to.
USER 10001:10001
WORKDIR /app
VOLUME ["/var/lib/pemmican", "/data"]
EXPOSE 50053
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "/app/probe.ts"]
ENTRYPOINT ["node", "/app/services/trainer/src/main.ts"]

ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="pemmican trainer" \
      org.opencontainers.image.description="fine-tunes models with the kept rows, in libtensorflow" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"

# For GPUs: what is staged with `--device gpu` has CUDA's libraries too; the driver is the host's (NVIDIA's container toolkit).
# It was run where there is no GPU, and never where there is one: docs/benchmarks/images.md.
FROM common AS gpu
ENV PEMMICAN_TENSORFLOW=gpu NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM common AS cpu
