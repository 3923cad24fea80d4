"""Which source languages to label: distances between languages, k-medoids, and what real scores say of them."""
