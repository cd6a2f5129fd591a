"""Code for a catalog.

metadata       what a team says about its tables
plan           what the API makes of each relation, and what is left out, with a reason; report,
               for people
planner        makes it of catalogs. maker, of one relation: names, types, writable, references;
               calls, lists of the rows that functions return
code           the files of a Django app for a plan
units          the statements of a file, as this project and people write them
"""
