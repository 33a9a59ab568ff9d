"""Every provider's contract on loopback, written from the providers' references alone: no adapter shares its code."""
