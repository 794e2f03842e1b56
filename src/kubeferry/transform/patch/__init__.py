"""The three patch types of Kubernetes over plain dicts and lists; no input is ever changed.

What a patch does not touch is shared between the document before and the document after: callers
treat both as read-only. Nothing here knows of clusters, rules or restores.
"""
