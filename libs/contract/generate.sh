#!/bin/sh
# Regenerates libs/contract/src from proto/: TypeScript of every message and service, the files that re-export them by
# package, and the descriptor set that server reflection answers from. The output is committed; CI checks that it is current.
set -eu
cd "$(dirname "$0")/../.."
rm -rf libs/contract/src/gen
buf generate --path proto/pemmican --path proto/google/rpc/status.proto --path proto/google/rpc/error_details.proto
buf build --path proto/pemmican --path proto/google/rpc --path proto/grpc --as-file-descriptor-set -o libs/contract/src/gen/descriptor-set.binpb
node libs/contract/generate-entries.mjs
