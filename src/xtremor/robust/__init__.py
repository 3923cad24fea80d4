"""Robust training: sites, balls and methods, each usable on its own."""
