"""Feed-forward deblurring by a convolutional network."""
