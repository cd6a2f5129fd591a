"""Secret stores: a folder of files, or AWS Systems Manager Parameter Store."""

from __future__ import annotations

from pathlib import Path

from backend.errors import StartupError, one_line

SSM = "ssm:"


def read(store: str) -> dict[str, str]:
    """Variable name to value, for everything in the store.

    ``store`` is the absolute path of a folder (a file a variable, named as the
    variable, as Docker's and Kubernetes' secrets are), or ``ssm:`` and the path
    of parameters whose last part is the name of a variable.

    Raises StartupError when the store cannot be read: never an empty result in
    its place, which once turned a production API into an empty SQLite.
    """
    return _parameters(store.removeprefix(SSM)) if store.startswith(SSM) else _files(Path(store))


def _files(folder: Path) -> dict[str, str]:
    try:
        return {
            file.name.upper(): file.read_text(encoding="utf-8").rstrip("\r\n")
            for file in sorted(folder.iterdir())
            if file.is_file()
        }
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(
            f"The secret store {folder} cannot be read: {one_line(error)}.",
            "Mount the folder there, readable for the application's user, or unset SECRET_STORE.",
        ) from error


def _parameters(path: str) -> dict[str, str]:
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise StartupError(
            f"SECRET_STORE is {SSM}{path}, and the package boto3 is not installed.",
            "Add 'boto3' to your requirements.txt and build the image again.",
        ) from error
    try:
        pages = (
            boto3.client("ssm")
            .get_paginator("get_parameters_by_path")
            .paginate(Path=path, WithDecryption=True)
        )
        found = [parameter for page in pages for parameter in page["Parameters"]]
    except (BotoCoreError, ClientError) as error:
        raise StartupError(
            f"The secret store {SSM}{path} cannot be read: {one_line(error)}",
            "Check AWS_REGION, and that the container's role may call ssm:GetParametersByPath "
            "and kms:Decrypt on it.",
        ) from error
    if not found:
        raise StartupError(
            f"The secret store {SSM}{path} holds no parameter.",
            "Correct the path in SECRET_STORE, or unset it.",
        )
    return {item["Name"].rpartition("/")[2].upper(): item["Value"] for item in found}
