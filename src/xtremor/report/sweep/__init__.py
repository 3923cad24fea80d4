"""What a sweep came to, as a page: dose and response, the choice, and what was never used for it."""
