"""Is one system better than another beyond seed noise? Score tables and run folders in, effects and sentences out."""
