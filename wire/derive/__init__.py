"""Values computed from what was measured: named, versioned transforms, the same everywhere."""
