"""The study of the Modality Focusing Hypothesis: one part a folder, each its config, run and table."""
