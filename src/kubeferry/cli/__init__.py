"""The command line: ``kubeferry`` and ``kubectl ferry``. The only place that reads the environment.

A module for each noun. Nothing but click is imported before a command runs, so that help and
completion are instant; ``command`` has what they share, ``connection`` finds the cluster and the
storage's keys.
"""
