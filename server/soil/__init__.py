"""What dry means here: the soil of each place, the water plants find in it, and how it dries."""
