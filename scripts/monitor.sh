#!/bin/sh
# Asks a running node how it is: one line per check, exit code 0 when all is well and 1 otherwise. For cron, systemd
# timers and monitoring systems. Usage: scripts/monitor.sh [data folder]; the folder defaults to KIZUNA_HOME or ~/.kizuna.
set -u
home="${1:-${KIZUNA_HOME:-$HOME/.kizuna}}"
cd "$(dirname "$0")/.." || exit 1
exec ./node_modules/.bin/node scripts/monitor.ts "$home"
