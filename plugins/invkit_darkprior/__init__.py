"""The dark-channel-prior solver and its priors."""
