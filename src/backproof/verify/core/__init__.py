"""What all checks share: findings, comparisons, tolerances, gradients against numbers."""
