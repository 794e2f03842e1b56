"""Object storage and the archive format: what is kept of a backup, where, and how it is trusted.

``locations`` opens a vault as a ``store.Store``; ``layout`` names the keys, ``metadata`` and
``results`` the files; ``writer`` and ``commit`` put a backup there, ``reader`` and ``checksums``
take it out again, ``keys`` and ``signature`` tell whose it is; ``restores`` keeps a restore's side
files. The formats are Velero's (velero.md §1), so that each tool reads what the other wrote.
"""
