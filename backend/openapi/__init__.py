"""The OpenAPI document of any team's views, which is true of their responses.

serializers      separate definitions for bodies, changes, and responses
fields           limits of values that drf-yasg leaves out
filters          types of django-filter's parameters
filter_schemas   the same parameters for REST framework's own schema
parameters       parameters of other filters and of paginators, in Swagger 2.0
descriptions     summaries, and descriptions of columns
error_responses  error responses, and which operations have them
logins           which operations need a login
omissions        warnings about a team's code that raises
generator        the document itself; if an operation fails, the others stay

``backend.openapi.inspectors`` adds spatial data, and puts everything together for drf-yasg.
"""
