"""What the API's document says of single fields."""

import json
from pathlib import Path

from tests.support.projects import shell

FILE = """
import json
from drf_yasg import openapi
from rest_framework import serializers
from backend.openapi.fields import AbsentFileInspector

class Photo(serializers.Serializer):
    file = serializers.FileField()

inspector = AbsentFileInspector(None, "/", "get", None, None, [])
print(json.dumps(inspector.field_to_swagger_object(Photo().fields["file"], openapi.Schema, False)))
"""


def test_file_of_a_row_without_one_is_null(project: Path):
    assert json.loads(shell(project, FILE))["x-nullable"] is True
