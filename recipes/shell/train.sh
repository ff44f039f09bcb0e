# One process trains the steps HPO_FROM+1 ... HPO_UNTIL and prints one line of JSON for each.
# Its state, the place it has reached, travels in the checkpoint's folder. awk does the sums.
rate=$(sed 's/.*: *//; s/}//' "$HPO_PARAMS")
x=8
[ -n "$HPO_CHECKPOINT_IN" ] && x=$(cat "$HPO_CHECKPOINT_IN/x")
t=$((HPO_FROM + 1))
while [ "$t" -le "$HPO_UNTIL" ]; do
  x=$(awk -v x="$x" -v rate="$rate" 'BEGIN { printf "%.17g", x - rate * 2 * (x - 3) }')
  awk -v t="$t" -v x="$x" 'BEGIN { printf "{\"t\": %d, \"loss\": %.17g}\n", t, (x - 3) * (x - 3) }'
  t=$((t + 1))
done
echo "$x" > "$HPO_CHECKPOINT_OUT/x"
