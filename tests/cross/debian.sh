# Packages of Debian in a folder of their own, for other scripts to source: the machine's own packages and
# their sources stay as they are.

mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
keys=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
  echo "tests/cross: $*" >&2
  exit 1
}

# apt-get on one Debian suite and architecture, in `$folder`.
# `debian ARCHITECTURE SUITE COMMAND..`
debian() {
  local own=$folder/apt/$2-$1
  local options=(-q -y -o APT::Architecture="$1" -o APT::Architectures="$1" -o APT::Install-Recommends=false
    -o APT::Update::Error-Mode=any -o APT::Keep-Downloaded-Packages=true -o APT::Sandbox::User=root
    -o Dir::Etc::sourcelist="$own/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$own/lists"
    -o Dir::State::status="$own/status" -o Dir::Cache="$own" -o Dir::Cache::archives="$own/archives"
    -o Debug::NoLocking=true)
  mkdir -p "$own"/{lists,archives}/partial
  echo "deb [arch=$1 signed-by=$keys] $mirror $2 main" >"$own/sources.list"
  : >"$own/status" # nothing is installed there, so every dependency is fetched
  apt-get "${options[@]}" update >&2 && (cd "$own/archives" && apt-get "${options[@]}" "${@:3}") >&2
}

# Unpacks what was fetched, but not the C library: the compiler and the machine have theirs.
# `unpack ARCHITECTURE SUITE INTO`
unpack() {
  local package
  for package in "$folder/apt/$2-$1"/archives/*.deb; do
    case $package in */libc6_*) ;; *) dpkg-deb --extract "$package" "$3.part" || return ;; esac
  done
  mv "$3.part" "$3"
}
