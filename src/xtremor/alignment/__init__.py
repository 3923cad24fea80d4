"""Alignment as a rival of robust training: rotations into English, and fine-tuning on translations before the task."""
