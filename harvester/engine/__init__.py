"""All waiting, money and disk. Knows no provider by name."""
