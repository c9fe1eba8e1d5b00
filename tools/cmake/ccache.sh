#!/bin/sh
# The compiler launcher: ccache, told what precompiled headers need.
# BASEDIR and NOHASHDIR let the work trees of one machine share results.
export CCACHE_BASEDIR="${0%/tools/cmake/*}" CCACHE_NOHASHDIR=1 CCACHE_INODECACHE=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
# Left in place, the old .gch would be hashed as an input of the new one and never hit.
case "$*" in *" c++-header "*)
  previous=
  for word; do
    [ "$previous" = -o ] && rm -f "$word"
    previous=$word
  done ;;
esac
exec ccache "$@"
