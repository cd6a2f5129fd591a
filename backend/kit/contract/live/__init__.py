"""``check --live``: sends every read request to a running project, as every kind of user.

client    requests without a library, and links in the responses
document  the project's OpenAPI document: what to request, and how a response should look
visit     all requests of one user
verdict   errors in a response; the results, with similar errors in one
site      a running project by its URL, and its users
own       a project that this process serves, on test databases with test users
rows      one row for each empty table
"""
