#!/usr/bin/env bash
# Installs the browser that tests/browser drives, where it is missing (Debian and its derivatives).
set -euo pipefail
if command -v chromium > /dev/null; then
    exit 0
fi
if ! command -v apt-get > /dev/null; then
    echo "tests/browser needs chromium, and this system has no apt-get; install chromium by hand." >&2
    exit 1
fi
become=()
if [ "$(id -u)" -ne 0 ]; then
    become=(sudo)
fi
"${become[@]}" apt-get update -qq
"${become[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends chromium > /dev/null
