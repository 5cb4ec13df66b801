"""Jobs as they run: one of them, its GPUs, its progress, the calls of a study beside each other, and a scheduler."""
