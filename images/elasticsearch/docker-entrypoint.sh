#!/bin/bash
# Starts the server, or another command when one is given; `eswrapper` is the official image's name for the server.
set -euo pipefail

if [[ $# -gt 0 && "$1" != eswrapper ]]; then
  exec "$@"
fi
exec /usr/share/elasticsearch/bin/elasticsearch
