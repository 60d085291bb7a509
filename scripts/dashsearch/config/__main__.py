"""Prints the JSON schema of the config."""

import json

from dashsearch.config.settings import Config

print(json.dumps(Config.model_json_schema(), indent=2, sort_keys=True))
