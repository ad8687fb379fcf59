#!/bin/sh
# wick @VERSION@ for @TARGET@: a script, and behind its last line what it unpacks once and starts.
set -u

id=@ID@
payload_at=@PAYLOAD_AT@ payload_bytes=@PAYLOAD_BYTES@
unpack_at=@UNPACK_AT@ unpack_bytes=@UNPACK_BYTES@
deno_at=@DENO_AT@ deno_bytes=@DENO_BYTES@
app_at=@APP_AT@ app_bytes=@APP_BYTES@
sha256=@SHA256@
unpacked_kb=@UNPACKED_KB@
# CRC, bytes and name of every file, as cksum prints them.
sums='@SUMS@'
files='@FILES@'

say() { printf 'wick: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Whether a folder holds every file as it should be.
complete() { [ "$(cd "$1" 2>/dev/null && cksum $files 2>/dev/null)" = "$sums" ]; }

# Whether a folder belongs to this user, or to root with nobody else writing to it: what lies in it
# is started.
trusted() {
  [ -d "$1" ] || return 1
  [ -O "$1" ] && return 0
  set -- $(ls -ldn "$1/.")
  case $1 in d????-??-*) [ "$3" = 0 ] ;; *) return 1 ;; esac
}

# Calls $1 with one cache folder after the other until it succeeds.
with_bases() {
  if [ -n "${WICK_CACHE_DIR-}" ]; then "$1" "$WICK_CACHE_DIR"; return; fi
  [ -n "${XDG_CACHE_HOME-}" ] && "$1" "$XDG_CACHE_HOME/wick" && return
  [ -n "${HOME-}" ] && "$1" "$HOME/.cache/wick" && return
  "$1" /var/cache/wick && return
  "$1" "${TMPDIR:-/tmp}/wick-$(id -u)"
}

absolute() { case $1 in /*) base=$1 ;; *) base=$PWD/$1 ;; esac; }

find_unpacked() {
  absolute "$1"
  trusted "$base/$id" || return 1
  if complete "$base/$id"; then dir=$base/$id; return 0; fi
  damaged=$base/$id
  return 1
}

reasons=
because() { reasons="$reasons
  $base: $*"; return 1; }

try_unpack() {
  absolute "$1"
  # Deno lets nobody read there who may not do everything.
  case $base/ in /dev/* | /proc/* | /sys/*) because 'is no place for programs' || return 1 ;; esac
  (umask 022 && mkdir -p "$base") 2>/dev/null || because 'cannot be made' || return 1
  trusted "$base" || because 'belongs to another user, or others may write to it' || return 1
  [ -w "$base" ] || because 'is read-only' || return 1
  # One unpacks, the others wait. This saves work only: each would rename a whole folder.
  lock=$base/$id.lock tries=0
  until mkdir "$lock" 2>/dev/null; do
    [ -d "$lock" ] || because 'is read-only or full' || return 1
    [ -d "$base/$id" ] && complete "$base/$id" && dir=$base/$id && return 0
    holder=$(cat "$lock/pid" 2>/dev/null)
    [ -z "$holder" ] || [ -d "/proc/$holder" ] || break
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || break
    sleep 0.1
  done
  echo "$$" 2>/dev/null >"$lock/pid"
  tmp=$(mktemp -d "$base/$id.tmp-XXXXXX" 2>/dev/null)
  if [ -z "$tmp" ]; then
    rm -rf "$lock"
    because 'is read-only or full'
    return 1
  fi
  trap 'rm -rf "$tmp" "$lock"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  why=$(umask 022 && chmod 755 "$tmp" && unpack 2>&1) && complete "$base/$id"
  code=$?
  trap - EXIT HUP INT TERM
  rm -rf "$tmp" "$tmp.old" "$lock"
  if [ "$code" -ne 0 ]; then
    free=$(df -Pk "$base" 2>/dev/null | { read -r _; read -r _ _ _ free _; echo "${free-}"; })
    [ "${free:-$unpacked_kb}" -ge "$unpacked_kb" ] || why="it needs $unpacked_kb kB and has $free"
    because "${why:-what was unpacked is not what it should be}"
    return 1
  fi
  dir=$base/$id
  sweep
}

unpack() {
  tail -c "+$unpack_at" "$self" | head -c "$unpack_bytes" >"$tmp/unpack.ts" || return 1
  tail -c "+$deno_at" "$self" | head -c "$deno_bytes" | @DECOMPRESS@ >"$tmp/wick" || return 1
  chmod 755 "$tmp/wick" || return 1
  [ "$(cd "$tmp" && cksum wick)" = "${sums%%
*}" ] || { echo "what was written differs from what $self holds"; return 1; }
  # Without sha256sum nobody has looked at the whole payload yet: the program does.
  at=$app_at bytes=$app_bytes wanted=-
  [ -n "$checked" ] || at=$payload_at bytes=$payload_bytes wanted=$sha256
  # Relative to where the folder really is: the permission is for that place, not for links to it.
  cd -P "$base" || return 1
  tail -c "+$at" "$self" | DENO_DIR=$tmp/deno NO_COLOR=1 "$tmp/wick" run \
    --quiet --no-config --no-lock --no-prompt --no-code-cache --allow-read=. --allow-write=. \
    "${tmp##*/}/unpack.ts" "$wanted" "$bytes" "$app_bytes" "${tmp##*/}" || return 1
  rm -rf "$tmp/deno" "$tmp/unpack.ts"
  if [ -d "$base/$id" ]; then mv "$base/$id" "$tmp.old" || return 1; fi
  mv "$tmp" "$base/$id"
}

# Removes what earlier versions left: all but the two used last, and none that runs.
sweep() {
  running=$(ls -l /proc/[0-9]*/exe 2>/dev/null)
  kept=0
  ls -1t "$base"/*/used 2>/dev/null | while IFS= read -r old; do
    old=${old%/used}
    name=${old##*/}
    case $name in "$id" | *[!0-9a-f]*) continue ;; esac
    kept=$((kept + 1))
    [ "$kept" -gt 2 ] || continue
    case $running in *"/$name/wick"*) continue ;; esac
    rm -rf "$old"
  done
  # What a killed start left half done.
  find "$base" -maxdepth 1 -name '*.tmp-*' -mmin +60 -exec rm -rf {} + 2>/dev/null
}

# This very file, wherever it was found.
self=$0
case $self in
  /*) ;;
  */*) self=$PWD/$self ;;
  *) if [ -f "$self" ]; then self=$PWD/$self; else self=$(command -v "$self"); fi ;;
esac

dir= damaged=
if ! with_bases find_unpacked; then
  [ "$(uname -sm)" = 'Linux @MACHINE@' ] ||
    fail "Cannot start: expected Linux on @MACHINE@: current value is $(uname -sm)"
  for tool in cksum head tail mktemp @TOOLS@; do
    command -v "$tool" >/dev/null || fail "Cannot start: expected $tool to be installed"
  done
  have=$(wc -c <"$self") want=$((payload_at + payload_bytes - 1))
  [ "$have" -eq "$want" ] ||
    fail "Cannot start: $self is damaged: expected $want bytes: current value is $have"
  checked=
  if command -v sha256sum >/dev/null; then
    found=$(tail -c "+$payload_at" "$self" | sha256sum)
    [ "${found%% *}" = "$sha256" ] ||
      fail "Cannot start: $self is damaged: expected SHA-256 $sha256: current value is ${found%% *}"
    checked=1
  fi
  [ -z "$damaged" ] || say "$damaged is damaged: unpacking it again"
  with_bases try_unpack ||
    fail "Cannot unpack: expected a folder that takes $unpacked_kb kB (WICK_CACHE_DIR names one):$reasons"
fi
# Says when it was used last; where that cannot be written nothing is removed either.
{ true >"$dir/used"; } 2>/dev/null

# The permissions of the command, or less: these three name what is left of them.
escaped() { case $1 in *,*) printf %s "$1" | sed 's/,/,,/g' ;; *) printf %s "$1" ;; esac; }
dir=$(cd -P "$dir" && pwd)
may_read=@READ@ may_write=@WRITE@ may_net=@NET@
if [ -n "${WICK_ALLOW_READ+set}" ]; then
  may_read="--allow-read=${WICK_ALLOW_READ}${WICK_ALLOW_READ:+,}$(escaped "$dir")"
fi
if [ -n "${WICK_ALLOW_WRITE+set}" ]; then
  if [ -n "$WICK_ALLOW_WRITE" ]; then may_write=--allow-write=$WICK_ALLOW_WRITE; else may_write=--deny-write; fi
fi
if [ -n "${WICK_ALLOW_NET+set}" ]; then
  if [ -n "$WICK_ALLOW_NET" ]; then may_net=--allow-net=$WICK_ALLOW_NET; else may_net=--deny-net; fi
fi
case ${1-} in serve | demo) v8=@V8_SERVICE@ ;; *) v8=@V8_COMMAND@ ;; esac
unset WICK_CACHE_DIR WICK_ALLOW_READ WICK_ALLOW_WRITE WICK_ALLOW_NET
DENO_DIR=${DENO_DIR:-$dir/deno} DENO_NO_UPDATE_CHECK=1 DENO_NO_PACKAGE_JSON=1
export DENO_DIR DENO_NO_UPDATE_CHECK DENO_NO_PACKAGE_JSON
exec "$dir/wick" run --quiet --no-config --no-lock --no-prompt --no-code-cache "$v8" \
  --import-map "$dir/imports.json" \
  "$may_read" "$may_write" "$may_net" @OTHER_PERMISSIONS@ "$dir/mod.js" "$@"
exit 126
