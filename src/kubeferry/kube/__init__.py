"""Kubernetes over aiohttp: configuration, client, discovery, lists, watches; and pure parts."""
