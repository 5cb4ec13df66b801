"""One dataset a module: from its raw files to samples."""
