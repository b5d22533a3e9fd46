"""`/api/v1`: what is asked of the stores, and who may ask it."""
