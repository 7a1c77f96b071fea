"""Small networks over several training steps: what an engine does across nodes, passes and batches."""
