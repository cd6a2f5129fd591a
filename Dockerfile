# The base image for Django REST Framework and GeoDjango APIs.
#
#   docker build .                 the published image
#   docker build --target dev .    with SpatiaLite, compilers, test tools, and a reloading server
#
# It has no line `# syntax=`, because that would fetch a frontend from a registry.

ARG DJANGO_SERIES=5.2

# ---------------------------------------------------------------------------
# python-packages: one virtual environment with the image's Python packages
# ---------------------------------------------------------------------------
FROM debian:trixie-slim AS python-packages
ARG DJANGO_SERIES

# Versions of Debian's packages are not pinned, here and below: Debian serves only the
# newest build, so a pin would break with the next security fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils python3-venv \
    && rm -rf /var/lib/apt/lists/*

# System site packages: without them, pip refuses to install into a user's home, where it
# installs if the application's user runs it.
RUN python3 -m venv --system-site-packages /opt/venv
ENV PATH=/opt/venv/bin:$PATH

COPY requirements /tmp/requirements
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --requirement "/tmp/requirements/django-${DJANGO_SERIES}.lock"

# A child's requirements can upgrade the image's packages within their major versions, but not
# downgrade them: pip then names both sides of the conflict. PIP_CONSTRAINT and UV_CONSTRAINT,
# below, name the file. (Pipenv ignores pip.conf.)
RUN python3 /tmp/requirements/constraints.py "${DJANGO_SERIES}" > /opt/venv/constraints.txt \
    && python3 /tmp/requirements/psycopg2_alias.py

# Let psycopg2 use Debian's libpq, which psql needs too, and so Debian's OpenSSL, because both
# get Debian's security fixes. (GDAL's wheel has its own OpenSSL.) If the wheel does not have
# exactly one libpq, the build fails.
WORKDIR /opt/venv/lib/python3.13/site-packages/psycopg2_binary.libs
RUN set -- libpq-*.so.* \
    && if [ $# -ne 1 ] || [ ! -f "$1" ]; then echo "ERROR: expected one libpq in the wheel, found: $*" >&2; exit 1; fi \
    && rm -- * \
    && ln -s "/usr/lib/$(uname -m)-linux-gnu/libpq.so.5" "$1"

# Remove what a running API never reads: tests, translation sources, source maps (and the
# comments that point to them, which collectstatic would follow; only whole lines, because
# ReDoc's code has the word inside a string), an older ReDoc, builds of Swagger UI that drf-yasg
# does not load, byte code of pip and django-upgrade (no start imports them), pip's launchers for
# Windows, pytz's copy of Debian's time zones, and debugging symbols.
WORKDIR /opt/venv/lib/python3.13/site-packages
RUN find . -type d \( -name tests -o -name test -o -name testing \) -not -path './django/*' -not -path './rest_framework/*' -prune -exec rm -rf {} + \
    && find . -name '*.po' -delete \
    && rm -rf drf_yasg/static/drf-yasg/redoc-old \
    && rm -f drf_yasg/static/drf-yasg/swagger-ui-dist/swagger-ui-es-bundle* drf_yasg/static/drf-yasg/swagger-ui-dist/swagger-ui.js* \
    && find . \( -path '*/static/*.map' \) -delete \
    && find . -path '*/static/*' \( -name '*.js' -o -name '*.css' \) -exec sed -i -E 's,^(//|/\*)# sourceMappingURL=[^ ]*( ?\*/)?$,,' {} + \
    && find pip django_upgrade -name __pycache__ -prune -exec rm -rf {} + \
    && rm -rf pip/_vendor/distlib/*.exe pytz/zoneinfo backports/zstd/_cffi \
    && strip --strip-unneeded _brotli*.so yaml/*.so rpds/*.so \
    && find /opt/venv ! -type l -perm /022 -exec chmod go-w {} +

# ---------------------------------------------------------------------------
# geo-libraries: GDAL, GEOS, and PROJ, which the pyogrio wheel has as one library
# ---------------------------------------------------------------------------
FROM python-packages AS geo-libraries

RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --no-compile --target /tmp/wheel --require-hashes --requirement /tmp/requirements/geo.lock

# A pattern finds the library, whose name contains a hash. The build fails unless it finds one. For
# projects whose settings do not name it, GeoDjango looks for two libraries by their usual names: each
# is an empty one that needs this one. Large data files of NITF, ECW, and SXF are left out.
RUN set -- /tmp/wheel/pyogrio.libs/libgdal* \
    && if [ $# -ne 1 ] || [ ! -f "$1" ]; then echo "ERROR: expected one GDAL library in the wheel, found: $*" >&2; exit 1; fi \
    && mkdir -p /opt/geo/lib /opt/geo/share \
    && strip --strip-unneeded -o /opt/geo/lib/libgdal.so "$1" \
    && for name in gdal geos_c; do ld -shared -z noexecstack --no-as-needed -soname "lib$name.so.1" -o "/opt/geo/lib/lib$name.so.1" /opt/geo/lib/libgdal.so || exit; done \
    && cp -r /tmp/wheel/pyogrio/gdal_data /opt/geo/share/gdal \
    && cp -r /tmp/wheel/pyogrio/proj_data /opt/geo/share/proj \
    && cp -r /tmp/wheel/pyogrio-*.dist-info/licenses /opt/geo/share/licenses \
    && rm -f /opt/geo/share/*/vcpkg* /opt/geo/share/gdal/nitf_spec.xml /opt/geo/share/gdal/ecw_cs.wkt /opt/geo/share/gdal/default.rsc \
    && find /opt/geo ! -type l -perm /022 -exec chmod go-w {} +

# ---------------------------------------------------------------------------
# postgresql-tools: psql and similar programs, without the wrappers that need Perl
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
# runtime: the image that an API runs on
# ---------------------------------------------------------------------------
FROM debian:trixie-slim AS runtime

# python3 without its own tests and help texts, libpq for psql, the certificate authorities for
# HTTPS, an init for commands that do not handle signals, and adduser, which other Dockerfiles expect.
# su, mount, passwd, and the like only work for root, because no program may raise the rights of its
# caller. debconf reads each package's questions again when it needs them.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 libpq5 ca-certificates tini adduser \
    && rm -rf /var/lib/apt/lists/* /var/cache/debconf/* /var/log/*.log /var/log/apt \
        /usr/bin/tini-static /usr/lib/python3.*/test /usr/lib/python3.*/pydoc_data /usr/lib/python3.*/lib-dynload/_test* \
    && find / -xdev -type f -perm /6000 -exec chmod ug-s {} +

# The application's user. Its group is 0, because some platforms choose a UID for the container,
# always with group 0. That user can then write to the same folders.
RUN useradd --uid 1001 --gid 0 --create-home --home-dir /home/app --shell /bin/bash backend \
    && install --directory --owner 1001 --group 0 --mode 2775 /data /data/media \
    && chmod 0775 /home/app

COPY --link --from=postgresql-tools /opt/tools /usr/local/bin/
COPY --link --from=geo-libraries /opt/geo /opt/geo
COPY --link --from=python-packages /opt/venv /opt/venv
# After the folders of Debian, whose GDAL or GEOS wins if a child or SpatiaLite installs it.
RUN echo /opt/geo/lib > /etc/ld.so.conf.d/zz-geo.conf && ldconfig

ENV PATH=/opt/backend/bin/commands:/opt/venv/bin:$PATH:/home/app/.local/bin \
    VIRTUAL_ENV=/opt/venv \
    PIP_CONSTRAINT=/opt/venv/constraints.txt \
    UV_CONSTRAINT=/opt/venv/constraints.txt \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON_DOWNLOADS=never \
    PYTHONUNBUFFERED=1 \
    PYTZ_TZDATADIR=/usr/share/zoneinfo \
    LANG=C.UTF-8 \
    GDAL_LIBRARY_PATH=/opt/geo/lib/libgdal.so \
    GEOS_LIBRARY_PATH=/opt/geo/lib/libgdal.so \
    GDAL_DATA=/opt/geo/share/gdal \
    PROJ_DATA=/opt/geo/share/proj \
    DATA_DIR=/data

# The image's code is where no COPY and no mount of a team's folder hides it. Python finds it through
# a .pth file, and /code has links under the names that teams rely on.
WORKDIR /opt/backend
COPY manage.py gunicorn_conf.py ./
COPY bin ./bin
COPY scaffold ./scaffold
# For people who run the same code without a container: the lock files of this series only.
ARG DJANGO_SERIES
COPY requirements/django-${DJANGO_SERIES}.lock requirements/geo.lock ./requirements/
COPY backend ./backend

# Remove the group's write access, which the umask of a clone may have given. Compile the byte
# code, because the application's user cannot write it, except for the programs that people run
# once. Collect the packages' static files, so
# that a start collects only if a team adds some. Check that the libraries load, because a build
# without them must fail.
RUN mkdir -p /code/bin \
    && ln -s /opt/backend/manage.py /opt/backend/gunicorn_conf.py /code/ \
    && ln -s /opt/backend/bin/docker-entrypoint.sh /opt/backend/bin/healthcheck /code/bin/ \
    && ln -s /code project \
    && echo /opt/backend > /opt/venv/lib/python3.13/site-packages/backend-docker-django.pth \
    && find /opt/backend /code ! -type l -perm /022 -exec chmod go-w {} + \
    && python -m compileall -q -x 'backend/(doctor|kit|tables/project)/' backend manage.py gunicorn_conf.py \
    && setpriv --reuid 1001 --regid 0 --clear-groups python -m backend.boot.static \
    && chmod -R g=u /data \
    && python -c "from django.conf import settings; settings.configure(); from django.contrib.gis import gdal, geos; print('GDAL', gdal.gdal_full_version(), 'GEOS', geos.geos_version())"

WORKDIR /code
EXPOSE 8000
# The status is "starting" until the server answers, even if migrations take long: failures before
# the first success do not count in the start period. Docker 25 and later check every second then,
# so that a waiting client continues at once. bin/healthcheck checks the command that runs.
HEALTHCHECK --interval=5s --timeout=3s --start-period=24h --start-interval=1s --retries=3 CMD ["/opt/backend/bin/healthcheck"]
ENTRYPOINT ["/opt/backend/bin/docker-entrypoint.sh"]
CMD ["gunicorn"]

# ---------------------------------------------------------------------------
# dev: for development; never tagged `latest`
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
# published: the image for the registry
# ---------------------------------------------------------------------------
FROM runtime AS published

ARG REVISION=unknown
LABEL org.opencontainers.image.title="backend-docker-django" \
    org.opencontainers.image.description="Base image for Django REST Framework and GeoDjango APIs" \
    org.opencontainers.image.source="https://github.com/hackoregon/backend-docker-django" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="1.0.0" \
    org.opencontainers.image.revision="${REVISION}"
