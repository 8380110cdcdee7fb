"""Builds the project's container images, and rebuilds only what changed.

`catalogue` says which images there are, `contents` what each is made of, `base` provides the Debian base
image, `buildah` is the tool that builds, `builder` ties them together, `cli` is `storefront-dev images`.
"""
