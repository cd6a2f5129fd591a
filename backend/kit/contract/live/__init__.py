"""``check --live``: asks a running project everything, as every kind of user.

client    requests without a library, one connection each; links in what comes back
document  the project's OpenAPI document: what to ask, and whether an answer is what it says
visit     one user's walk through the project
verdict   what is wrong with an answer; results, the like of each other in one
site      a running project by its URL, and who may log in there
own       a project that this process serves, on test databases with users of its own
rows      one row for each table that has none
"""
