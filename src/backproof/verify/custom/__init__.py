"""Operations and optimizers of a user's own file."""
