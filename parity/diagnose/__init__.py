"""Why two sides disagree: simulate suspected faults in the reference's pipeline and see which reproduces the candidate."""
