"""Figures and the pages of a report, from tables and results."""
