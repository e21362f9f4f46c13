# The site as a page of your own: it colours photos in the visitor's browser, nothing is uploaded.
# docker build -t colorize-page . && docker run --rm -p 8080:8000 colorize-page
# tests/test_package.py tries the last line; the others are those of README.md and of the site's build. The image itself has not been built.
FROM python:3.11-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends npm
WORKDIR /src
COPY . .
RUN pip install uv && uv pip install --system --torch-backend=cpu -e ".[dev]"
RUN python tools/docs.py

FROM python:3.11-slim
COPY --from=build /src/_docs /site
USER nobody
EXPOSE 8000
CMD ["python", "-m", "http.server", "8000", "--directory", "/site"]
