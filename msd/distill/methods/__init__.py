"""One method of distillation a module."""
