#!/bin/sh
# Prediction alone: the program needs no library but libc's, and gives what the command gives.
#   test_alone.sh GATEWRIGHT PREDICT_ALONE MORE: libraries that this build may need besides (a sanitizer's), as a pattern
gatewright=$(realpath "$1") alone=$(realpath "$2") more=$3
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT

ok() { # ok STATUS TITLE
    n=$((n + 1))
    [ "$1" = 0 ] && echo "ok $n - $2" || echo "not ok $n - $2"
}

n=0
echo "1..6"

readelf -d "$alone" >dynamic
sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' dynamic >needed
grep -q '^libc\.so' needed
ok $? "the libraries that are needed are listed"
! grep -Ev "^(libc|libm|libpthread|ld-linux[^.]*)\.so|$more" needed
ok $? "no library but libc's is needed"

awk 'BEGIN {
    print "n,m,c,d,h,b,y,z,k"
    for (i = 0; i < 300; i++)
        printf "%s,%s,%s,%s,u%d,%s,%d,%.2f,%s\n", i % 9 ? i * 0.5 : "", i % 11 ? -i / 3 : "?", substr("xyz", i % 3 + 1, 1),
               i % 5 ? substr("yzw", i % 2 + 1, 1) : "", i % 70, i % 4 ? "p|q" i % 3 : "", i % 2, i / 8, substr("RGB", i % 3 + 1, 1)
}' >t.csv
cat >s.yaml <<'END'
data: {train: t.csv, missing: ["?"]}
tasks: {y: binary, z: regression, k: multiclass}
features:
  columns:
    n: {transform: [log1p, quantile], indicator: true}
    m: {transform: minmax, missing: median}
    c: {type: categorical, dim: 3, share: s}
    d: {type: categorical, dim: 3, share: s}
    h: {type: hashed, buckets: 32}
    b: {type: bag, pooling: sum}
model: {architecture: ple, experts: {hidden: [8], norm: batch, activation: gelu}, towers: {hidden: [4], norm: layer, activation: tanh}}
train: {epochs: 2}
END
"$gatewright" train s.yaml -o m.gw >log 2>&1 || sed 's/^/# /' log
for format in csv jsonl; do
    "$gatewright" predict m.gw t.csv -o theirs --format $format --gates >log 2>&1 && "$alone" m.gw t.csv ours $format && cmp theirs ours
    ok $? "the same bytes as the command's, $format"
done
[ "$(wc -l <ours)" = 300 ]
ok $? "a line for every row"

printf '\037\213\010\000 and so on' >t.csv.gz
"$alone" m.gw t.csv.gz none csv 2>message
grep -q 'in gzip, which this build does not unpack' message
ok $? "compressed tables are refused by name"
