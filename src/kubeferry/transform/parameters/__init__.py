"""What the parameters of a restore task change: one file a parameter."""
