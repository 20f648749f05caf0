#!/bin/sh
# What a test starts instead of a host. The name of its data directory says what it does.
read -r setup
case "${2##*/}" in
  silent) exec sleep 1000 ;;
  nonsense) echo 'no line of ours' ;;
  endless) while :; do printf '%01000d' 0; done ;;
  ends) exit 0 ;;
  refuses) echo '{"host":"failed","code":"bad_root","message":"words"}' ;;
  second) echo '{"host":"failed","code":"already_running","message":"words"}' ;;
esac
