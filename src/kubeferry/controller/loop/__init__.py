"""The machinery of any controller: queue, informer, lease, reconcile loop; knows no backups."""
