#!/bin/sh
# Makes the certificates that the tests of TLS use: an authority, two certificates of a server (before and after a rotation), one
# of a client, one of a server that is its own client, and one of a client that another authority vouches for. Valid for a hundred
# years; of no use anywhere else.
set -eu
cd "$(dirname "$0")"
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
authority() {
  key "$1"
  openssl req -x509 -new -key "$1.key" -days 36500 -subj "/CN=pemmican test $1" -out "$1.pem"
}
# NAME AUTHORITY COMMON_NAME USAGE
issue() {
  key "$1"
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=%s\n' "$4" > extensions.tmp
  openssl req -new -key "$1.key" -subj "/CN=$3" |
    openssl x509 -req -CA "$2.pem" -CAkey "$2.key" -days 36500 -extfile extensions.tmp -out "$1.pem"
  rm extensions.tmp
}
authority authority
authority stranger
issue server authority server-before serverAuth
issue server-rotated authority server-after serverAuth
issue client authority ci clientAuth
issue server-and-client authority both serverAuth,clientAuth
issue client-of-stranger stranger ci clientAuth
rm authority.key stranger.key
