"""Maximum moment restriction: kernel product and penalty."""
