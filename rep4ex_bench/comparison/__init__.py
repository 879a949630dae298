"""Two runs against each other: what became worse, what better, what cannot be told."""
