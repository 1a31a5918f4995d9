#!/bin/sh
# The example programs train on the small table and score rows with what was learnt. Usage: examples.sh TRAIN SCORE TABLE
train=$1 score=$2 table=$3
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
cat > "$directory/spec.yaml" << END
data: {train: "$table", valid: {fraction: 0.2}}
features:
  ignore: [visitor]
  columns: {genres: {type: bag, separator: "|"}}
tasks:
  clicked: {type: binary}
  watched_minutes: {type: regression}
model: {architecture: mmoe, experts: {count: 2, hidden: [8]}}
train: {epochs: 9}
END
echo 1..5
n=0
check() { # NAME, after a command
    result=$?
    n=$((n + 1))
    if [ $result -eq 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; sed 's/^/# /' "$directory/log"; fi
}
"$train" "$directory/spec.yaml" "$directory/model.gw" train.epochs=2 > "$directory/log" 2>&1
check 'train ends well'
grep -q '^epoch 2 of 2: {"epoch":2,' "$directory/log" && grep -q '^2 epochs; .* 2 tasks over 6 features$' "$directory/log"
check 'its listener hears of epochs'
"$score" "$directory/model.gw" > "$directory/log" 2>&1
check 'score ends well'
grep -q '^  clicked: binary, output columns 0 to 0$' "$directory/log" && [ "$(grep -c '^  row [12]: [0-9.e-]* [0-9.e-]*$' "$directory/log")" -eq 4 ]
check 'it prints tasks and two scores of two rows, twice'
"$score" "$table" > "$directory/log" 2>&1
[ $? -eq 1 ] && grep -q '^score: .*first.csv: ' "$directory/log"
check 'what is no model is refused with its name'
