"""Operations, one at a time: results, gradients, and the contract of every engine."""
