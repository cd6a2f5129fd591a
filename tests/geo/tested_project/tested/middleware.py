"""A team's middleware that misuses streams."""

from django.http import HttpResponse

held = []


def misuse(get_response):
    def middleware(request):
        response = get_response(request)
        how = request.headers.get("X-Misuse")
        if how == "content":
            response["Content-Length"] = len(response.content)  # a stream has no content
        elif how == "begin":
            next(iter(response.streaming_content))
            raise ValueError("in the middle")
        elif how == "replace":
            return HttpResponse("another")
        elif how == "hold":
            held.append(response)
            return HttpResponse("another")
        return response

    return middleware
