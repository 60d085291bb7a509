"""Check every file of a bundle: `verify_bundle.py BUNDLE.zip [FOLDER to unpack it into]`."""

import sys
from pathlib import Path

from dashsearch.errors import InputError
from dashsearch.exports.bundle import verify_bundle

if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    try:
        count = verify_bundle(Path(sys.argv[1]), target)
    except InputError as error:
        sys.exit(f"{error}")
    print(f"{sys.argv[1]}: all {count} files are there and as their checksums say.")
    if target:
        print(f"They are in {target}.")
