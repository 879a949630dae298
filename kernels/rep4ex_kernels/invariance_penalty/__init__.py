"""The MMR penalty with everything that depends on the actions alone done once."""
