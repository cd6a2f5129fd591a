"""What every request passes, whichever view answers it."""
