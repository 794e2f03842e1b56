"""The controller: one reconciler a resource, a runner for what takes long, a loop that knows no backups."""
