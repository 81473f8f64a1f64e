"""Figures: what was measured, how, and how it is shown."""
