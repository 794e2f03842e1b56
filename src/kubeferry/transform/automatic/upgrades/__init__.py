"""API upgrade: objects of an API version that the target does not serve any more become objects of
one that it serves (ack-backup-center.md A15): one file for kinds that belong together, ``table.py``
lists all.
"""
