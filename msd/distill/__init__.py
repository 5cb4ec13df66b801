"""Distillation: losses, saliency and weights, and what a method is."""
