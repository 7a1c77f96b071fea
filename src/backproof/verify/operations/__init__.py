"""Operations, one at a time: results, gradients, and what every engine promises of them."""
