"""Training of networks: autoencoders with linear invariance, and plain regression."""
