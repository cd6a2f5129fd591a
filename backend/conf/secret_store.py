"""Secret stores: a folder of files, or AWS Systems Manager Parameter Store."""

from __future__ import annotations

import os
import re
from pathlib import Path

from backend.conf import value_files
from backend.conf.errors import StartupError, one_line

SSM = "ssm:"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read(store: str) -> dict[str, str]:
    """Variable name to value, for everything in the store.

    ``store`` is the absolute path of a folder with one file per variable, named like the variable,
    as for Docker's and Kubernetes' secrets. Or it is ``ssm:`` and the path of parameters whose last
    part is the name of a variable.

    Raises StartupError if the store cannot be read. It never returns an empty result instead, which
    once turned a production API into one with an empty SQLite database.
    """
    return _parameters(store.removeprefix(SSM)) if store.startswith(SSM) else _files(Path(store))


def _files(folder: Path) -> dict[str, str]:
    try:
        # The names of other kinds of files, such as tls.key, are not names of variables.
        files = [file for file in sorted(folder.iterdir()) if NAME.fullmatch(file.name)]
        files = [file for file in files if file.is_file()]
    except OSError as error:
        raise StartupError(
            f"The secret store {folder} cannot be read: {one_line(error)}.",
            "Mount the folder there so that the application's user can read it, or unset "
            "SECRET_STORE.",
        ) from error
    return _by_variable(str(folder), [(file.name, _read(file)) for file in files])


def _read(file: Path) -> str:
    try:
        return value_files.read(file)
    except value_files.UnreadableError as error:
        raise StartupError(
            f"{file} in the secret store cannot be read: {error}.",
            f"Make it a text file that UID {os.geteuid()} can read. If it is not the value of a "
            "variable, give it a name with a dot, such as keystore.p12: the image skips such "
            "files.",
        ) from error


def _by_variable(store: str, values: list[tuple[str, str]]) -> dict[str, str]:
    """Upper-case name to value. Raises StartupError for two names of one variable."""
    names: dict[str, str] = {}
    for name, _ in values:
        if names.setdefault(name.upper(), name) != name:
            raise StartupError(
                f"The secret store {store} has '{names[name.upper()]}' and '{name}', which are "
                "the same variable.",
                "Remove one of them.",
            )
    return {name.upper(): value for name, value in values}


def _parameters(path: str) -> dict[str, str]:
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise StartupError(
            f"SECRET_STORE is {SSM}{path}, but the package boto3 is not installed.",
            "Add 'boto3' to your requirements.txt and build the image again.",
        ) from error
    try:
        pages = (
            boto3.client("ssm")
            .get_paginator("get_parameters_by_path")
            .paginate(Path=path, WithDecryption=True)
        )
        parameters = [parameter for page in pages for parameter in page["Parameters"]]
    except (BotoCoreError, ClientError) as error:
        raise StartupError(
            f"The secret store {SSM}{path} cannot be read: {one_line(error)}",
            "Check AWS_REGION, and that the container's role may call ssm:GetParametersByPath "
            "and kms:Decrypt on it.",
        ) from error
    if not parameters:
        raise StartupError(
            f"The secret store {SSM}{path} contains no parameters.",
            "Correct the path in SECRET_STORE, or unset it.",
        )
    values = [
        (item["Name"].rpartition("/")[2], value_files.value(item["Value"])) for item in parameters
    ]
    return _by_variable(f"{SSM}{path}", values)
