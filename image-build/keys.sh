#!/usr/bin/env bash
# Keys of a release: who may start on the machine (Secure Boot) and who may update it (OpenPGP).
#
#   keys.sh make FOLDER          keys for trying, where the folder has none. Those of a release are made
#                                once, on a machine that stays offline, and never lie in a repository.
#   keys.sh have FOLDER          whether all of them are there; says what is missing
#   keys.sh sign FOLDER FILE     FILE.gpg beside FILE
set -euo pipefail

make_keys() {
  mkdir -p "$1"
  chmod 700 "$1"
  [ -e "$1/secure-boot.key" ] || openssl req -new -x509 -newkey rsa:2048 -nodes -subj "/CN=parotidd, for trying/" \
    -days 3650 -keyout "$1/secure-boot.key" -out "$1/secure-boot.crt" 2>/dev/null
  [ -e "$1/updates.pgp" ] && return
  mkdir -p -m 700 "$1/gnupg"
  gpg --homedir "$1/gnupg" --batch --quiet --passphrase '' --quick-generate-key "parotidd updates, for trying" ed25519 sign never
  gpg --homedir "$1/gnupg" --batch --export >"$1/updates.pgp"
}

# A folder that was named, and has not all: others' keys beside these would sign what no site takes.
have_keys() {
  local part missing=()
  for part in secure-boot.key secure-boot.crt updates.pgp gnupg; do [ -e "$1/$part" ] || missing+=("$part"); done
  [ ${#missing[@]} = 0 ] || { echo "image-build: $1 has no ${missing[*]}: is it mounted? keys.sh make makes keys for trying" >&2; exit 1; }
}

case ${1:-} in
  make) make_keys "$2" ;;
  have) have_keys "$2" ;;
  sign)
    rm -f "$3.gpg"
    gpg --homedir "$2/gnupg" --batch --quiet --detach-sign --output "$3.gpg" "$3"
    ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
