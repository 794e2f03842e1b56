"""The benchmarks: ``python -m bench`` (``make bench``); what they found is in docs/performance.md."""
