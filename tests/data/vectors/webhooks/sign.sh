#!/bin/sh
# Writes the signature of every vector with openssl, which shares no code with the client.
set -eu
cd "$(dirname "$0")"
for vector in */; do
    { cat "$vector/id"; printf .; cat "$vector/timestamp"; printf .; cat "$vector/body"; } |
        openssl dgst -sha256 -hmac "$(cat "$vector/secret")" | sed 's/^.*= //' | tr -d '\n' >"$vector/signature"
done
