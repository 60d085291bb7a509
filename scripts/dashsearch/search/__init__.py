"""Arms: the policies that propose experiments in rounds."""
