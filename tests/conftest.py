"""What all tests share."""

import os

# A test compiles far more than it computes: XLA need not optimise. It reads this when JAX starts.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")
