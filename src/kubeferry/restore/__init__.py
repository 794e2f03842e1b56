"""The use case restore: read the archive, plan each object, apply the plan wave by wave, report."""
