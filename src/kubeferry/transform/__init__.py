"""Adapts one object to its target. Pure: object and rules in, changes out; no I/O, no clock."""
