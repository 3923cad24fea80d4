"""A smaller encoder for chosen languages: the rows of its vocabulary that occur in their text."""
