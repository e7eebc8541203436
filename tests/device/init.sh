#!/bin/sh
# The first process of the virtual machine: what a person would do at the box, and what they should see.
# Each check prints "ok ..." or "failed ..." on the serial line; the last line is "end".
export PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /config /run /tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec </dev/ttyS0 >/dev/ttyS0 2>&1
dmesg -n 1
ip link set lo up

say() { echo "$*"; }
check() { # what, command...
  what=$1
  shift
  if "$@"; then say "ok $what"; else say "failed $what"; fi
}
# Tries for so many seconds.
within() {
  seconds=$1
  shift
  until "$@"; do
    seconds=$((seconds - 1))
    [ "$seconds" -gt 0 ] || return 1
    sleep 1
  done
}

# The chip: three lamps, a buzzer, a button.
make_chip() {
  mkdir /config/gpio-sim/panel /config/gpio-sim/panel/bank
  echo 5 >/config/gpio-sim/panel/bank/num_lines
  echo parotidd-panel >/config/gpio-sim/panel/bank/label
  n=0
  for name in GREEN AMBER RED BUZZER BUTTON; do
    mkdir "/config/gpio-sim/panel/bank/line$n"
    echo "$name" >"/config/gpio-sim/panel/bank/line$n/name"
    n=$((n + 1))
  done
}
plug_in() {
  echo 1 >/config/gpio-sim/panel/live
  lines=/sys/devices/platform/$(cat /config/gpio-sim/panel/dev_name)/$(cat /config/gpio-sim/panel/bank/chip_name)
}
pull_out() { echo 0 >/config/gpio-sim/panel/live; }
# Levels of green, amber, red and buzzer; the buzzer's is low when it sounds.
levels() { cat "$lines/sim_gpio0/value" "$lines/sim_gpio1/value" "$lines/sim_gpio2/value" "$lines/sim_gpio3/value" | tr -d '\n'; }
# How often a line was on in twenty looks, 100 ms apart.
n_on() {
  n=0
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ "$(cat "$lines/sim_gpio$1/value")" = 0 ] || n=$((n + 1))
    sleep 0.1
  done
  echo $n
}
press() { echo pull-up >"$lines/sim_gpio4/pull"; }
release() { echo pull-down >"$lines/sim_gpio4/pull"; }
shows() { [ "$(levels)" = "$1" ]; }
flashes() { n=$(n_on 1); [ "$n" -ge 4 ] && [ "$n" -le 16 ]; }
logged() { grep -q "$1" /log; }
logged_once() { [ "$(grep -c "$1" /log)" = 1 ]; }
lives() { kill -0 "$daemon"; }
is_open() { parotidd alerts --config /settings.toml | grep -q '^#'; }

panel() {
  # The memory of this machine is its disk, which must not look full.
  mkdir /disk
  mount -t tmpfs -o size=3g none /disk
  cp -a /data/. /disk/
  modprobe configfs
  modprobe gpio-sim
  mount -t configfs none /config
  make_chip
  RUST_LOG=info NO_COLOR=1 parotidd run --config /settings.toml 2>/log &
  daemon=$!
  check "the daemon starts without the chip" within 180 logged "address=127.0.0.1:11112"
  lives || { cat /log; return; }
  check "a chip that is missing is named, once a part" logged_once "lamp_green.*no GPIO chip is labelled"
  check "an alert is open" is_open
  parotidd check-board --config /settings.toml
  check "check-board fails without the chip" [ $? = 1 ]

  plug_in
  check "a chip that comes later is found" within 40 logged "lamp_green.*works again\|works again.*lamp_green"
  sleep 2
  check "green is on and amber flashes while an alert is open" flashes
  check "red is off" [ "$(cat "$lines/sim_gpio2/value")" = 0 ]

  press
  release
  sleep 2
  check "a contact that bounces is no press" is_open
  press
  sleep 0.3
  release
  check "the button acknowledges the alert" within 10 logged "acknowledged by the button.*n_alerts=1"
  check "it is acknowledged in the database, by the button" \
    sh -c 'parotidd alerts --all --format json --config /settings.toml | grep -q "acknowledged_via\":\"button"'
  check "the audit has it" \
    sh -c 'parotidd audit --config /settings.toml | grep acknowledged | grep -q button'
  check "green alone is on" within 5 shows 1001

  press
  sleep 4
  check "a long press lights everything" shows 1110
  release
  sleep 4
  check "the lamp test ends" shows 1001

  press
  check "a stuck button is told of" within 40 logged "held down for more than 30 s"
  check "it wants attention" within 5 shows 1101
  release
  check "it works again" within 5 shows 1001

  pull_out
  check "the daemon outlives its chip" sleep 8
  check "the daemon is there" lives
  plug_in
  check "the chip is taken up again" within 70 shows 1001
  parotidd check-board --config /settings.toml
  kill -TERM "$daemon"
  wait "$daemon"
  check "it stops in order" [ $? = 0 ]
  parotidd check-board --config /settings.toml
  check "check-board finds nothing failing" [ $? = 0 ]
  exercised
  [ "$quiet" = 1 ] || cat /log
}

# Each lamp and the buzzer in turn, then the button: what an installer sees.
exercised() {
  parotidd check-board --exercise --config /settings.toml >/exercise 2>&1 &
  exercise=$!
  while kill -0 "$exercise" 2>/dev/null; do
    levels >>/seen
    echo >>/seen
    if grep -q "press the button" /exercise; then press; fi
    sleep 0.1
  done
  wait "$exercise"
  check "check-board --exercise finds nothing failing" [ $? = 0 ]
  release
  # The buzzer's line is low at rest, as when it sounds: nobody holds it.
  for level in 100 010 001; do check "the exercise lights $level" grep -q "^$level" /seen; done
  check "the button was heard" grep -q "it was pressed" /exercise
  cat /exercise
}

# Draws each view and waits until the host has looked.
pictures() {
  # shellcheck disable=SC2086 # a list of modules
  for module in $modules; do modprobe "$module"; done
  within 5 [ -e "$device" ]
  say "framebuffer $(cat /sys/class/graphics/fb0/name) $(cat /sys/class/graphics/fb0/virtual_size) $(cat /sys/class/graphics/fb0/bits_per_pixel)"
  for view in $views; do
    parotidd render "$view" --backend "$backend" --device "$device" --hold 3600 &
    renderer=$!
    sleep 3
    say "look $view"
    read -r _
    kill "$renderer"
    wait "$renderer"
  done
}

# Words of the kernel's command line: what=panel, views=..., modules=...
for word in $(cat /proc/cmdline); do
  case $word in
  what=* | quiet_log=*) eval "$word" ;;
  views=* | modules=* | backend=* | device=*) eval "$(echo "$word" | tr , ' ' | sed "s/=\(.*\)/='\1'/")" ;;
  esac
done
quiet=${quiet_log:-0}
"$what"
say end
poweroff -f
