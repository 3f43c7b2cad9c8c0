# Runs mosquitto, and has it read its users and certificate again when they change. Ends when it ends.
mosquitto -c "${1:-/mosquitto/config/mosquitto.conf}" &
broker=$!
trap 'kill "$broker" 2>/dev/null' TERM INT
seen=$(cksum "${2:-/broker}"/users/* "${2:-/broker}"/tls/*.crt)
while kill -0 "$broker" 2>/dev/null; do
  sleep "${3:-5}" &
  wait $!
  now=$(cksum "${2:-/broker}"/users/* "${2:-/broker}"/tls/*.crt)
  if [ "$now" != "$seen" ]; then seen=$now; kill -HUP "$broker"; fi
done
wait "$broker"
