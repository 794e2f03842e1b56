"""The benchmarks (``make bench``); what they found is in docs/performance.md."""
