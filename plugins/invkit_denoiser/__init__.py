"""Denoisers as priors: networks that take noise off pictures, their training, and plug-and-play with them."""
