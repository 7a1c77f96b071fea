"""Training, step by step: how far engines part, and where the numbers stop being any."""
