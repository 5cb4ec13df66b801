"""Multimodal knowledge distillation, reproduced: MSD and the Modality Focusing Hypothesis."""
