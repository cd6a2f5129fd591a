# The base image for Django REST Framework and GeoDjango APIs.
#
#   docker build .                 the image that is published
#   docker build --target dev .    with SpatiaLite, compilers, test tools, reloading server
#
# There is no first line `# syntax=`: it would fetch a frontend from a registry.

ARG DJANGO_SERIES=5.2

# ---------------------------------------------------------------------------
# python-packages: one virtual environment with what the image carries
# ---------------------------------------------------------------------------
FROM debian:trixie-slim AS python-packages
ARG DJANGO_SERIES

# No versions of Debian's packages are pinned, here and below: Debian serves only the
# newest build, so that a pin breaks with the next security fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils python3-venv \
    && rm -rf /var/lib/apt/lists/*

# System site packages: without them pip refuses to install into a user's home, which
# is where it installs when the application's user runs it.
RUN python3 -m venv --system-site-packages /opt/venv
ENV PATH=/opt/venv/bin:$PATH

COPY requirements /tmp/requirements
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --requirement "/tmp/requirements/django-${DJANGO_SERIES}.lock"

# A child's requirements may raise what the image carries within its major version, and
# never lower it: pip then names both sides of the conflict. uv reads UV_CONSTRAINT, below.
RUN python3 /tmp/requirements/constraints.py "${DJANGO_SERIES}" > /opt/venv/constraints.txt \
    && printf '[install]\nconstraint = /opt/venv/constraints.txt\n' > /opt/venv/pip.conf

# psycopg2 with Debian's libpq, which psql needs too, and so with Debian's OpenSSL: Debian's
# security fixes reach both. (GDAL's wheel has an OpenSSL of its own.) Anything but exactly
# one libpq in the wheel is an error.
WORKDIR /opt/venv/lib/python3.13/site-packages/psycopg2_binary.libs
RUN set -- libpq-*.so.* \
    && if [ $# -ne 1 ] || [ ! -f "$1" ]; then echo "ERROR: expected one libpq in the wheel, found: $*" >&2; exit 1; fi \
    && rm -- * \
    && ln -s "/usr/lib/$(uname -m)-linux-gnu/libpq.so.5" "$1"

# What no running API reads: tests, translation sources, source maps (with the comments
# that point to them, which collectstatic would follow: whole lines only, ReDoc's code has
# the word inside a string), a second and older ReDoc, the builds of Swagger UI that
# drf-yasg's page does not load, byte code of pip and django-upgrade (no start imports them), pip's launchers for Windows, pytz's copy of Debian's time zones, the
# debugging symbols of the three wheels that ship them.
WORKDIR /opt/venv/lib/python3.13/site-packages
RUN find . -type d \( -name tests -o -name test -o -name testing \) -not -path './django/*' -not -path './rest_framework/*' -prune -exec rm -rf {} + \
    && find . -name '*.po' -delete \
    && rm -rf drf_yasg/static/drf-yasg/redoc-old \
    && rm -f drf_yasg/static/drf-yasg/swagger-ui-dist/swagger-ui-es-bundle* drf_yasg/static/drf-yasg/swagger-ui-dist/swagger-ui.js* \
    && find . \( -path '*/static/*.map' \) -delete \
    && find . -path '*/static/*' \( -name '*.js' -o -name '*.css' \) -exec sed -i -E 's,^(//|/\*)# sourceMappingURL=[^ ]*( ?\*/)?$,,' {} + \
    && find pip django_upgrade -name __pycache__ -prune -exec rm -rf {} + \
    && rm -rf pip/_vendor/distlib/*.exe pytz/zoneinfo backports/zstd/_cffi backports/zstd/tarfile* \
    && strip --strip-unneeded _brotli*.so yaml/*.so rpds/*.so \
    && find /opt/venv ! -type l -perm /022 -exec chmod go-w {} +

# ---------------------------------------------------------------------------
# geo-libraries: GDAL, GEOS and PROJ, which the pyogrio wheel has as one library
# ---------------------------------------------------------------------------
FROM python-packages AS geo-libraries

RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --no-compile --target /tmp/wheel --require-hashes --requirement /tmp/requirements/geo.lock

# Its name carries a hash, so it is found by pattern; anything but exactly one is an error.
RUN set -- /tmp/wheel/pyogrio.libs/libgdal* \
    && if [ $# -ne 1 ] || [ ! -f "$1" ]; then echo "ERROR: expected one GDAL library in the wheel, found: $*" >&2; exit 1; fi \
    && mkdir -p /opt/geo/lib /opt/geo/share \
    && strip --strip-unneeded -o /opt/geo/lib/libgdal.so "$1" \
    && cp -r /tmp/wheel/pyogrio/gdal_data /opt/geo/share/gdal \
    && cp -r /tmp/wheel/pyogrio/proj_data /opt/geo/share/proj \
    && cp -r /tmp/wheel/pyogrio-*.dist-info/licenses /opt/geo/share/licenses \
    && rm -f /opt/geo/share/*/vcpkg* /opt/geo/share/gdal/nitf_spec.xml /opt/geo/share/gdal/ecw_cs.wkt \
    && find /opt/geo ! -type l -perm /022 -exec chmod go-w {} +

# ---------------------------------------------------------------------------
# postgresql-tools: psql and its like, without the wrappers that need Perl
# ---------------------------------------------------------------------------
FROM debian:trixie-slim AS postgresql-tools
WORKDIR /tmp
RUN apt-get update \
    && apt-get download postgresql-client-17 \
    && dpkg --extract postgresql-client-17_*.deb /tmp/client \
    && mkdir /opt/tools \
    && cp /tmp/client/usr/lib/postgresql/17/bin/psql /tmp/client/usr/lib/postgresql/17/bin/pg_dump \
        /tmp/client/usr/lib/postgresql/17/bin/pg_restore /tmp/client/usr/lib/postgresql/17/bin/pg_isready /opt/tools/

# ---------------------------------------------------------------------------
# runtime: what an API runs on
# ---------------------------------------------------------------------------
FROM debian:trixie-slim AS runtime

# python3, without its own tests and help texts; what psql needs beyond it; the authorities
# that HTTPS is checked against; and an init for commands that handle no signals. su, mount,
# passwd and their like keep working for root alone: no program may raise the rights of who calls it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 libpq5 ca-certificates tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/*.log /var/log/apt \
        /usr/bin/tini-static /usr/lib/python3.*/test /usr/lib/python3.*/pydoc_data /usr/lib/python3.*/lib-dynload/_test* \
    && find / -xdev -type f -perm /6000 -exec chmod ug-s {} +

# The application's user. Group 0, so that a platform that gives the container a UID of
# its own choice, always with group 0, can write to the same folders.
RUN useradd --uid 1001 --gid 0 --create-home --home-dir /home/app --shell /bin/bash app \
    && install --directory --owner 1001 --group 0 --mode 2775 /data /data/media \
    && chmod 0775 /home/app

COPY --link --from=postgresql-tools /opt/tools /usr/local/bin/
COPY --link --from=geo-libraries /opt/geo /opt/geo
COPY --link --from=python-packages /opt/venv /opt/venv

ENV PATH=/opt/venv/bin:$PATH:/home/app/.local/bin \
    VIRTUAL_ENV=/opt/venv \
    UV_CONSTRAINT=/opt/venv/constraints.txt \
    PYTHONUNBUFFERED=1 \
    PYTZ_TZDATADIR=/usr/share/zoneinfo \
    LANG=C.UTF-8 \
    GDAL_LIBRARY_PATH=/opt/geo/lib/libgdal.so \
    GEOS_LIBRARY_PATH=/opt/geo/lib/libgdal.so \
    GDAL_DATA=/opt/geo/share/gdal \
    PROJ_DATA=/opt/geo/share/proj \
    DJANGO_SETTINGS_MODULE=backend.settings \
    DATA_DIR=/data \
    DEBUG=false

WORKDIR /code
COPY manage.py gunicorn_conf.py ./
COPY bin ./bin
COPY scaffold ./scaffold
# For who runs the same code without a container: what this image has, and no other series.
ARG DJANGO_SERIES
COPY requirements/django-${DJANGO_SERIES}.lock requirements/geo.lock ./requirements/
COPY backend ./backend

# The application's group may have been given write access by the umask of who cloned this.
# Byte code, because the application's user cannot write it; then the static files of
# the packages, so that a start collects only when a team adds some. The one test that
# the libraries load is here, because an image without them must not be built.
RUN find /code ! -type l -perm /022 -exec chmod go-w {} + \
    && python -m compileall -q backend manage.py gunicorn_conf.py \
    && setpriv --reuid 1001 --regid 0 --clear-groups python -m backend.boot.static \
    && chmod -R g=u /data \
    && python -c "from django.contrib.gis import gdal, geos; print('GDAL', gdal.gdal_full_version(), 'GEOS', geos.geos_version())"

EXPOSE 8000
# "starting" until the server answers, however long migrations take: a failure before the first
# success counts only after the start period. Until then it looks each second, so that who waits for
# the start is told at once (from Docker 25 on). It follows what runs: bin/healthcheck.
HEALTHCHECK --interval=5s --timeout=3s --start-period=24h --start-interval=1s --retries=3 CMD ["/code/bin/healthcheck"]
ENTRYPOINT ["/code/bin/docker-entrypoint.sh"]
CMD ["gunicorn", "backend.wsgi", "-c", "gunicorn_conf.py"]

# ---------------------------------------------------------------------------
# dev: for a laptop, never what `latest` means
# ---------------------------------------------------------------------------
FROM runtime AS dev

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential git libpq-dev libsqlite3-mod-spatialite python3-dev \
    && rm -rf /var/lib/apt/lists/*

COPY requirements/development.lock /tmp/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --requirement /tmp/development.lock && rm /tmp/development.lock

ENV DEBUG=true
CMD ["python", "manage.py", "runserver", "0.0.0.0:8000"]

# ---------------------------------------------------------------------------
# The image that is published
# ---------------------------------------------------------------------------
FROM runtime AS published

ARG REVISION=unknown
LABEL org.opencontainers.image.title="backend-docker-django" \
    org.opencontainers.image.description="Base image for Django REST Framework and GeoDjango APIs" \
    org.opencontainers.image.source="https://github.com/hackoregon/backend-docker-django" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="1.0.0" \
    org.opencontainers.image.revision="${REVISION}"
