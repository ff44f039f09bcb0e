# One process trains the steps HPO_FROM+1 ... HPO_UNTIL and prints one line of JSON for each.
# Its state, the place it has reached, travels in the checkpoint's folder. awk does the sums.
# With HPO_MORE it waits after the last step, and goes on when it is asked to.
set -e # else a sum that fails is an empty number, and the steps behind it are wrong
rate=$(sed 's/.*: *//; s/}//' "$HPO_PARAMS")
x=8
[ -n "$HPO_CHECKPOINT_IN" ] && x=$(cat "$HPO_CHECKPOINT_IN/x")
t=$((HPO_FROM + 1))
until=$HPO_UNTIL
while [ "$t" -le "$until" ]; do
  x=$(awk -v x="$x" -v rate="$rate" 'BEGIN { printf "%.17g", x - rate * 2 * (x - 3) }')
  more=
  [ -n "$HPO_MORE" ] && [ "$t" -eq "$until" ] && more=', "more": true'
  awk -v t="$t" -v x="$x" -v more="$more" 'BEGIN { printf "{\"t\": %d, \"loss\": %.17g%s}\n", t, (x - 3) * (x - 3), more }'
  if [ -n "$more" ]; then
    read -r word || exit 0                    # nobody wants more
    case $word in *until*) until=$(echo "$word" | tr -dc 0-9) ;; esac
  fi
  t=$((t + 1))
done
echo "$x" > "$HPO_CHECKPOINT_OUT/x"
