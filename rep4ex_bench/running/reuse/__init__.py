"""Which finished cells may be reused: what they were computed by and under, and what is so now."""
