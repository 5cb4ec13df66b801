"""The small model trained on gold labels alone."""

from msd.distill.method import Method


class Finetune(Method):
    """L = task(z_S^both, y): no teacher. What distillation has to beat."""
