"""The controller: a reconciler for each resource, a runner for what takes long, a loop."""
