"""Other tools doing the same work: what they are, and the three comparisons with them."""
