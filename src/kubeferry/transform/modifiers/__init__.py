"""Resource modifiers: Velero's rules, compiled and checked before a restore starts, then applied to
each object.
"""
