"""Series computed from raw ones by named, versioned transforms; pure, on arrays."""
