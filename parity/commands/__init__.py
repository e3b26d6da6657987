"""The commands, one file each: options to a request, a result to an exit code."""
