"""How things are measured: experiments, studies, methods, scores, and what is kept of them."""
