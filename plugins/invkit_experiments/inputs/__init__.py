"""Where measurements come from: drawn by seed, published by others, photographed."""
