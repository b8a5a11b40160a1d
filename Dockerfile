# batch-local in an image of nothing else: the static binary that scripts/build makes, so that no registry is needed.
#
# It runs as root inside the container because the engine's socket, which is mounted into it, usually belongs to root. Where a group
# may use the socket: docker run --user 65534 --group-add "$(stat -c %g /var/run/docker.sock)" ...
FROM scratch
# The folder /tmp, where the logs of large jobs go, for whatever user.
COPY build/image /
COPY build/batch-local /batch-local
ENV BATCH_LOCAL_LISTEN=0.0.0.0:22824,0.0.0.0:4566
EXPOSE 22824 4566
HEALTHCHECK --interval=5s --timeout=3s --start-period=2s CMD ["/batch-local", "healthcheck"]
ENTRYPOINT ["/batch-local"]
CMD ["serve"]
