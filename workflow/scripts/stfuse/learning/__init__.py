"""How networks learn and are used: plan, lessons, patches, the one training loop, states, inference."""
