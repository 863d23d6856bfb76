"""Serving of language models: loads, cost models, engines and the policies that drive them."""
