"""What the OpenAPI document says of any team's views, so that it is true of their answers.

serializers  what is sent, what is changed and what is answered, told apart
fields       limits of values that drf-yasg leaves out
filters      types of django-filter's parameters
parameters   what other filters and paginators describe, in the words of Swagger 2.0
words        summaries, and descriptions of columns
answers      the answers that refuse, and which operation has which
logins       who may ask
once         warnings about a team's code that cannot be asked
generator    the document itself, with one operation's failure left to that operation

``backend.openapi.inspectors`` adds what is spatial, and puts it together for drf-yasg.
Nothing here is imported before somebody asks for the document.
"""
