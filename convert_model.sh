#!/usr/bin/env bash
# Convert a FasterRCNN run directory to ONNX: the same as `parity convert RUN_DIR [options]`.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
if command -v parity >/dev/null; then
    exec parity convert "$@"
elif [ -x "$here/.tox/parity/bin/parity" ]; then # made by `tox run -e parity`
    exec "$here/.tox/parity/bin/parity" convert "$@"
fi
echo "error: parity is not installed; next: python -m pip install '$here[torchvision]'" >&2
exit 15
