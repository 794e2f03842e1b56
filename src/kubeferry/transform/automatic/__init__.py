"""What a restore changes by itself, without being asked: one file a fix, ``table.py`` lists them
all.
"""
