"""From run folders to one page, its pictures and its tables."""
