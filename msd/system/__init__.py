"""The machine that jobs run on: its files, memory and processor, and what it refuses."""
