"""Code for a catalog.

metadata       what a team says about its tables
plan           what the API makes of each relation, and what is left out, with a reason.
               names, types, writable, its parts; report, for people
calls          lists of the rows that functions return, added to a plan
code           the files of a Django app for a plan
units          the statements of a file, as this project and people write them
"""
