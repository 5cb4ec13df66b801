"""From raw files to samples: fetching, reading, preparing and splitting datasets, and reading what was prepared."""

SPLITS = ("train", "val", "test")
