# What `update` and `models` share: where all is kept, what is shown, what is fetched.
# shellcheck shell=sh disable=SC2034
run=/run/parotidd-update
kept=/var/lib/parotidd-update
running=$(. /usr/lib/os-release && echo "$IMAGE_VERSION")
board=$(cat /usr/lib/parotidd/board)

# `state INSTALLING STEP`, both may be empty.
state() {
  mkdir -p $run
  last=null
  [ ! -s $kept/last.json ] || last=$(cat $kept/last.json)
  printf '{"schema":"parotidd.update/1","installing":%s,"step":%s,"percent":null,"last":%s}\n' \
    "$(quoted "$1")" "$(quoted "$2")" "$last" >$run/state.json.part
  chmod 644 $run/state.json.part
  mv $run/state.json.part $run/state.json
}

quoted() {
  if [ -n "$1" ]; then printf '"%s"' "$(plain "$1")"; else printf null; fi
}

# Text that JSON takes as it is.
plain() {
  printf %s "$1" | tr -d '"\\' | tr '[:cntrl:]' ' '
}

# `outcome VERSION installed|rolled_back|refused [REASON]`
outcome() {
  printf '{"version":"%s","outcome":"%s","reason":"%s","unix_ms":%s000}' "$(plain "$1")" "$2" "$(plain "${3:-}")" "$(date +%s)" |
    keep_as $kept/last.json
  state "" ""
  echo "version $1: $2${3:+, $3}"
}

# Standard input as a file that is there whole or not at all, whenever the power fails.
keep_as() {
  cat >"$1.part"
  sync "$1.part"
  mv "$1.part" "$1"
  sync -f "$kept"
}

# On trial: this version came as an update, and was not kept yet. Not every firmware lets the boot loader count its starts.
on_trial() (
  [ -s $kept/pending ] && read -r trying _ <$kept/pending && [ "$running" = "$trying" ]
)

# Whether the boot loader still counts the starts of this version: it was not blessed.
is_counted() {
  [ "$(/usr/lib/systemd/systemd-bless-boot status 2>/dev/null)" = indeterminate ]
}

# `sysupdate KIND COMMAND..`, after `look KIND ..`.
sysupdate() {
  definitions=$run/$1.d
  shift
  /usr/lib/systemd/systemd-sysupdate --definitions="$definitions" --no-pager "$@" 2>$run/log
}

# `look KIND SOURCE`: the newer version of a kind (system, models) at a folder or an address, in `new`, which is empty where
# there is none. Fails where what is there cannot be trusted, and says so.
look() {
  source=$2
  case $source in http://*|https://*) ;; *) source=file://$source ;; esac
  rm -rf "$run/$1.d"
  mkdir -p "$run/$1.d"
  for file in /usr/lib/parotidd/"$1".d/*.transfer; do
    sed "s|@SOURCE@|$source|; s|@BOARD@|$board|" "$file" >"$run/$1.d/${file##*/}"
  done
  # It ends with 1 as well when there is nothing newer, and says nothing of it.
  new=$(sysupdate "$1" check-new) && return 0
  new=
  grep -qi 'signature verification succeeded' $run/log && return 0
  cat $run/log >&2
  case $source in http://*|https://*)
    # A server that is down is no update that was refused.
    grep -qiE 'signature|gpg' $run/log || { echo "$source cannot be read; it is asked again"; return 0; } ;;
  esac
  if grep -qiE 'signature|gpg' $run/log; then reason="its signature is not one of ours"; else reason="it cannot be read"; fi
  outcome "$(named "$2")" refused "$reason"
  return 1
}

# What a folder says that it is, where it cannot be trusted.
named() {
  for file in "$1"/parotidd-"$board"_*.efi "$1"/parotidd-models_*.tar.gz; do
    [ -e "$file" ] || continue
    case $file in *models_*) printf 'models ' ;; esac
    file=${file##*_}
    file=${file%.efi}
    printf %s "${file%.tar.gz}"
    return
  done
  printf unknown
}

# Why sysupdate could not install what it had looked at.
refusal() {
  if grep -qiE 'signature|gpg|checksum|SHA256|hash' $run/log; then echo "it is damaged, or not signed by us"; else echo "it could not be copied"; fi
}

# The last twenty that were undone, for `was_undone`.
note_undone() {
  { tail -n 19 $kept/undone 2>/dev/null || true; echo "$1"; } | keep_as $kept/undone
}

# `was_undone NAME SOURCE`: each night, or with each start, the same one would fail again. A person who brings it on a stick
# means it; a stick that was left in says nothing.
was_undone() {
  case $2 in
    http://*|https://*) ;;
    *) case $(systemctl is-system-running) in initializing|starting) ;; *) return 1 ;; esac ;;
  esac
  grep -qxF "$1" $kept/undone 2>/dev/null || return 1
  echo "$1 was undone before, and waits for a stick that is plugged in while the box runs"
}
