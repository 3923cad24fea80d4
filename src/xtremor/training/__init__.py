"""The loop, its batches, compact embeddings, checkpoints and run folders."""
