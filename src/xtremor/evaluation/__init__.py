"""Zero-shot evaluation: every language of a task, predictions kept item by item."""
