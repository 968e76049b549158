#!/bin/sh
# Regenerates libs/graph/src/gen from proto/tensorflow. The output is committed; CI checks that it is current.
set -eu
cd "$(dirname "$0")/../.."
rm -rf libs/graph/src/gen
buf generate --template buf.gen.graph.yaml --path proto/tensorflow
