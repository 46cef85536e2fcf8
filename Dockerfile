# An image with the static program of a release, and nothing else. `release/image` builds it from an archive.
#
# Jobs of GitLab and of GitHub Actions need a shell in their image: give them another base, with
# `release/image ARCHIVE NAME --build-arg BASE=debian:stable-slim`.
ARG BASE=scratch
FROM $BASE
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY fgctl /usr/local/bin/fgctl
# A number, because Kubernetes cannot check that a name is not root.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/fgctl"]
