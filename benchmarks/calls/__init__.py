"""Scripted two-channel calls with their truth, exact to the sample.

Files: ``people`` made-up ones · ``slots`` the values that scripts name · ``scripting`` YAML in,
turns out · ``stage`` places them on two channels · ``corpus`` the generator · ``planting`` redacts
by the truth, then plants leaks · ``mishearings`` made-up hearings of answers, without sound.
"""
