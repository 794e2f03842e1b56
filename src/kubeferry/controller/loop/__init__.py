"""The machinery of any controller: work queue, informer, lease, reconcile loop. Knows no backups."""
