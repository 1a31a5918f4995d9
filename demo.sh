#!/bin/sh
# From nothing to a trained, measured model of two tasks on the US census: installs what is missing, builds, obtains the data, trains,
# evaluates on the test part, and shows the result beside the papers' figures.
set -eu
cd "$(dirname "$0")"
. tools/system.sh

need_packages build
echo "building" >&2
# A build that check.sh has configured is used as it is.
if [ -e build/options.txt ]; then quietly ninja -C build; else build_into build --buildtype=release -Dtests=false; fi
gw=build/gatewright
mkdir -p out
model=out/census-income.gw

if data/get.sh census-income; then
    test=data/census-income/test.csv.xz
    set --
    title="199,523 people of the US census of 1994/95; two tasks; test on 99,762 others"
else
    echo "using a generated table of the same kind instead: its figures do not compare with the papers'" >&2
    $gw synth census --rows 199523 --seed 1 -o out/synthetic-train.csv
    $gw synth census --rows 99762 --seed 2 -o out/synthetic-test.csv
    python3 data/get_census.py columns >out/synthetic-columns.txt
    test=out/synthetic-test.csv
    set -- --set data.train=out/synthetic-train.csv --set data.test=$test --set data.header=out/synthetic-columns.txt
    title="199,523 generated rows in the census' columns; two tasks; test on 99,762 others"
fi

printf '\n%s\n\n$ %s train examples/census-income.yaml -o %s\n' "$title" "$gw" "$model" >&2
began=$(date +%s)
# The test is shown below; what train says of it on standard output is not needed twice.
$gw train examples/census-income.yaml -o $model "$@" >out/census-income.test.txt
seconds=$(($(date +%s) - began))

printf '\n$ %s evaluate %s %s\n' "$gw" "$model" "$test" >&2
$gw evaluate $model $test
$gw evaluate $model $test --json >out/census-income.test.json

# auc TASK: its AUC in the evaluation's JSON, to four places.
auc() { sed -n 's/.*"'"$1"'":{[^}]*"auc":\([0-9.]*\).*/\1/p' out/census-income.test.json | awk '{ printf "%.4f", $1 }'; }

echo
if [ $# = 0 ]; then
    printf '  %-16s %9s   %10s   %9s\n' 'test AUC' 'this run' 'MMoE paper' 'PLE paper'
    printf '  %-16s %9s   %10s   %9s\n' income "$(auc income)" .9410 .9522 never_married "$(auc never_married)" .9933 .9945
    echo '  (the papers: Ma et al. 2018, best of 400 runs of any of their models; Tang et al. 2020, PLE)'
else
    printf '  %-16s %9s\n' 'test AUC' 'this run' income "$(auc income)" never_married "$(auc never_married)"
fi
cat <<END

read, trained and measured in $seconds s; the model is $model

next, for instance:
  $gw inspect $model
  $gw predict $model $test --gates | head -3
  $gw train examples/census-income.yaml${*:+ $*} --set model.architecture=ple -o out/ple.gw
and with a table of your own:
  $gw init YOURS.csv --task COLUMN -o yours.yaml && $gw train yours.yaml
END
