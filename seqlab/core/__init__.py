"""What every other part rests on: array types, checks, errors, masks, keys, trees. Imports nothing of ours."""
