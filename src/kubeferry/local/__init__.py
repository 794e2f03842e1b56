"""What runs on a person's machine, on sandbox clusters: the demo."""
