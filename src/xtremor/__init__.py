"""Robust training for multilingual encoders, and an honest look at how they transfer."""

__version__ = "0.1.0"
