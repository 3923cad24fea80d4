"""Encoders by hub name, by local folder, or the offline starter."""
