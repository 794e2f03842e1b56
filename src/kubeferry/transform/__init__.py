"""Adapts one object to its target. Pure: no I/O, no clock, no cluster; an object and rules in, changes out."""
